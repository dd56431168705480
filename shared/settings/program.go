package settings

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// Program is what all commands of a program share.
type Program struct {
	Name        string // as typed: order
	Description string // one line for --help
	EnvPrefix   string // such as ORDER, without the underscore
	Version     string // what --version prints after the name

	// Variables are the program's settings that are not flags, for config print.
	Variables []Variable

	// Examples are shown by --help, by verb: "outbox ls". Each line is a command as typed, or a comment: # ...
	Examples map[string]string

	// Options are given to kong, e.g. bindings for the commands' Run methods.
	Options []kong.Option

	// Stdout takes the answers to --help and --version. Default os.Stdout.
	Stdout io.Writer
	// LookupEnv reads the environment. Default os.LookupEnv.
	LookupEnv func(name string) (string, bool)
}

// ErrAnswered says that --help, --version or a shell's question was answered. There is nothing left to do, and the exit
// code is 0.
var ErrAnswered = errors.New("answered --help or --version")

// common are the flags that every program has besides its own, including --help.
type common struct {
	// Read settings from this YAML file.
	Config string `placeholder:"FILE"`
	// Print the version and exit.
	Version kong.VersionFlag `name:"version"`
}

// exitPanic carries kong's request to exit out of its hooks.
type exitPanic struct{}

// Parse fills cli, a pointer to a struct in kong's notation, from args (without the program's name), the environment
// and the file. The fields must not have an env tag: variables are named after the flags.
//
// The error is ErrAnswered, or tells what is wrong with which flag, variable, or line of the file, and has exit code 2.
// A cli that kong cannot read is a bug in the program and panics.
func (p Program) Parse(cli any, args []string) (ctx *kong.Context, err error) {
	if p.Stdout == nil {
		p.Stdout = os.Stdout
	}
	if p.LookupEnv == nil {
		p.LookupEnv = os.LookupEnv
	}
	p.takeSecrets(cli)
	src, shared := &source{program: p}, &common{}
	options := append([]kong.Option{
		kong.Name(p.Name),
		kong.Description(p.Description),
		kong.Vars{"version": p.Name + " " + p.Version},
		kong.Writers(p.Stdout, p.Stdout),
		kong.Exit(func(int) { panic(exitPanic{}) }),
		kong.Embed(shared),
		kong.PostBuild(func(k *kong.Kong) error {
			return errors.Join(takeTexts(k.Model.Node, cli, shared), p.takeExamples(k.Model.Node))
		}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: helpWidth}),
		kong.WithBeforeResolve(src.load),
		kong.Resolvers(src),
		kong.ValueFormatter(src.helpText),
		kong.Bind(&Sources{src}),
	}, p.Options...)
	k, err := kong.New(cli, options...)
	if err == nil {
		err = src.takeFlags(k.Model)
	}
	if err != nil {
		panic(fmt.Sprintf("settings of %s: %v", p.Name, err))
	}
	defer func() {
		switch v := recover().(type) {
		case nil:
		case exitPanic:
			ctx, err = nil, ErrAnswered
		default:
			panic(v)
		}
	}()
	if len(args) > 0 && args[0] == completes {
		if err := complete(p.Stdout, k.Model.Node, args[1:]); err != nil {
			return nil, err
		}
		return nil, ErrAnswered
	}
	ctx, err = k.Parse(args)
	if err != nil {
		return nil, WithExitCode(fmt.Errorf("%w\nsee %s", plainly(err), helpCommand(p.Name, err)), ExitUsage)
	}
	if err := refuseOutside(ctx); err != nil {
		return nil, WithExitCode(fmt.Errorf("%w\nsee %s --help", err, ctx.Selected().FullPath()), ExitUsage)
	}
	return ctx, nil
}

// plainly takes kong's wrapper away, which has an exit code of its own, and what only kong's notation means: the ""
// among the values of a flag that may be left out, and the brackets of such an argument.
func plainly(err error) error {
	err = unwrapKong(err)
	text := strings.Replace(err.Error(), `must be one of "",`, "must be one of ", 1)
	if strings.HasPrefix(text, "[<") {
		text = strings.Replace(text[1:], ">]", ">", 1)
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// helpWidth bounds the lines of --help, in characters.
const helpWidth = 100

// takeExamples leaves the first sentence of a verb's help for lists of verbs, and adds its examples below the rest.
func (p Program) takeExamples(program *kong.Node) error {
	shown := 0
	for _, verb := range program.Leaves(false) {
		if first, rest, more := strings.Cut(verb.Help, ". "); more {
			verb.Help, verb.Detail = first+".", rest+"\n\n"
		}
		if text := p.Examples[verbName(verb)]; text != "" {
			verb.Detail += "Examples:\n"
			for line := range strings.Lines(text) {
				verb.Detail += "\n    " + strings.TrimSpace(line)
			}
			shown++
		}
	}
	if shown != len(p.Examples) {
		return errors.New("there are examples of something that is no verb")
	}
	return nil
}

// unwrapKong drops kong's wrapper, which has an exit code of its own.
func unwrapKong(err error) error {
	if pe, ok := errors.AsType[*kong.ParseError](err); ok {
		return pe.Unwrap()
	}
	return err
}

func helpCommand(name string, err error) string {
	if pe, ok := errors.AsType[*kong.ParseError](err); ok && pe.Context != nil {
		if node := pe.Context.Selected(); node != nil {
			return node.FullPath() + " --help"
		}
	}
	return name + " --help"
}

// envName returns the variable of a setting.
func (p Program) envName(flag string) string {
	return p.EnvPrefix + "_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(flag))
}

// helpText adds the values that a flag may have and its variable to its line of --help.
func (s *source) helpText(value *kong.Value) string {
	var more []string
	if value.Enum != "" {
		more = append(more, strings.ReplaceAll(strings.TrimPrefix(value.Enum, ","), ",", ", ")) // "" is not given
	}
	if value.Flag != nil {
		if name := s.envOf(value.Flag); name != "" {
			more = append(more, "$"+name)
		}
	}
	if more == nil {
		return value.Help
	}
	return strings.TrimSuffix(value.Help, ".") + " (" + strings.Join(more, "; ") + ")."
}
