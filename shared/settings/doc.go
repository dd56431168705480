// Package settings reads a program's settings: flag over environment over YAML file over default, one name for all.
//
//	--ops-listen 127.0.0.1:9090     the flag
//	ORDER_OPS_LISTEN=127.0.0.1:9090 the environment, with the program's prefix
//	ops-listen: 127.0.0.1:9090      the file that --config or ORDER_CONFIG names
//
// A setting that is a structure, tagged yaml, is given as YAML text; in the file it is written as what it is.
//
// The three share one syntax: a value of the file means its text, as if it were given to the flag. So durations need a
// unit everywhere (30s), and a list is "a,b" or, in the file, also a YAML list. An environment variable that is empty
// counts as not set; to set an empty value use the flag (--name=).
//
// A setting is declared by the tags of one field: name, default, help, and the values that it may have (range, enum,
// check) in which unit. Kong makes the flag of it, this package the variable, the key of the file and the
// documentation; Fill and Complete give a configuration made in code the same defaults and checks.
//
// One file serves all commands of a program: a key may be any command's setting. Unknown variables with the prefix are
// ignored, because others set such too: Kubernetes sets ORDER_SERVICE_HOST for a service called order.
//
// The package also fixes the exit codes. It does not watch the file and reads no settings from anywhere else.
package settings
