// Package auth tells who calls an HTTP API and what they may do.
//
//	guard, err := config.Guard(ctx, db, addr, "order", file) // API keys in the service's file, and the issuer
//	router := web.NewRouter(guard.Protect(routes)) // each route names its scope
//
// A caller sends "Authorization: Bearer CREDENTIAL". The credential is an API key that an operator made, or a JWT of
// the configured OpenID Connect issuer. A service with neither keys nor an issuer lets everybody in, so it may listen
// on loopback only ([Config.Guard]).
package auth
