package telemetry

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"

	"ordertally/shared/auth"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// maxLevelBody bounds {"level":"..."}, in bytes.
const maxLevelBody = 256

type levelBody struct {
	Level string `json:"level"`
}

func levelRoutes(level *Level) []web.Route {
	return []web.Route{
		{Method: http.MethodGet, Path: "/loglevel", Scope: auth.OpsWrite,
			Handler: func(w http.ResponseWriter, _ *http.Request) { answerLevel(w, level) }},
		{Method: http.MethodPut, Path: "/loglevel", Scope: auth.OpsWrite,
			Handler: func(w http.ResponseWriter, r *http.Request) {
				if err := setLevel(w, r, level); err != nil {
					problem.Write(w, r, *err)
					return
				}
				answerLevel(w, level)
			}},
	}
}

func answerLevel(w http.ResponseWriter, level *Level) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(levelBody{level.Get().String()}) // the only possible error is a client that has gone
}

func setLevel(w http.ResponseWriter, r *http.Request, level *Level) *problem.Problem {
	if outsider(r) {
		return refuse(kindForbidden,
			"Without API keys the log's level can be changed from the service's own machine only.")
	}
	text, err := web.ReadBody(w, r, maxLevelBody)
	if err != nil {
		if p, ok := errors.AsType[problem.Problem](err); ok {
			return &p
		}
		return refuse(problem.KindBodyUnreadable, "The request's body could not be read.")
	}
	var body levelBody
	if err := web.UnmarshalObject(text, &body); err != nil {
		return refuse(problem.KindMalformedJSON, `Send {"level":"debug"}, or another level.`)
	}
	parsed, err := ParseLevel(body.Level)
	if err != nil {
		return refuse(kindInvalidLevel, "The level "+err.Error()+".")
	}
	level.Set(parsed)
	return nil
}

func refuse(kind problem.Kind, detail string) *problem.Problem {
	p := kind.New(detail)
	return &p
}

// outsider reports whether a request without any credential may not change anything. Everybody on this machine may,
// except for pages in a browser on it. An ops listener is often open to a network.
func outsider(r *http.Request) bool {
	return auth.FromContext(r.Context()) == auth.Anonymous && (!fromHere(r) || auth.PageHost(r.Host))
}

func fromHere(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
