// Package settings reads a program's settings: flag over environment over YAML file over default, one name for all.
//
//	--ops-listen 127.0.0.1:9090     the flag
//	ORDER_OPS_LISTEN=127.0.0.1:9090 the environment, with the program's prefix
//	ops-listen: 127.0.0.1:9090      the file that --config or ORDER_CONFIG names
//
// A setting that is a structure, tagged yaml, is given as YAML text. In the file it is plain YAML.
//
// The three share one syntax: a value in the file means the same as its text given to the flag. So durations always
// need a unit (30s). A list is "a,b" or, in the file, also a YAML list. An empty environment variable counts as not
// set. To set an empty value use the flag (--name=).
//
// A setting is declared by one field: its comment is the help, its tags have name, default, the allowed values (range,
// enum, check) and their unit. Kong makes the flag. This package makes the variable, the key of the file and the
// documentation. Fill and Complete give a configuration made in code the same defaults and checks.
//
// One file serves all commands of a program, so a key may be any command's setting. Unknown variables with the prefix
// are ignored, because others set such too: Kubernetes sets ORDER_SERVICE_HOST for a service called order.
//
// The package also fixes the exit codes. It does not watch the file and reads no settings from anywhere else.
package settings
