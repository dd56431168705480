package settings

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Completion is the verb completion: it prints what a shell needs to complete the program's command line.
type Completion struct {
	// The shell.
	Shell string `arg:"" enum:"bash,zsh,fish"`
}

// Run prints the script. It asks the program itself, with the hidden verb __complete, so it need not be made anew with
// a new release.
func (c *Completion) Run(k *kong.Context) error {
	_, err := io.WriteString(k.Stdout, strings.ReplaceAll(scripts[c.Shell], "PROGRAM", k.Model.Name))
	return err
}

// completes is the hidden verb. The words that follow are those after the program's name, up to the cursor.
const completes = "__complete"

// files stands for the names of files, which a shell knows better.
const files = ":files"

// scripts pass the words on and take the answer: a line for each candidate, with a tab before what it is.
var scripts = map[string]string{
	"bash": `# bash completion for PROGRAM: source <(PROGRAM completion bash)
_PROGRAM_complete() {
    local word
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        if [[ $word == :files ]]; then
            compopt -o default
        else
            COMPREPLY+=("$word")
        fi
    done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _PROGRAM_complete PROGRAM
`,
	"zsh": `#compdef PROGRAM
# zsh completion for PROGRAM: source <(PROGRAM completion zsh), or as _PROGRAM in a directory of fpath
_PROGRAM() {
    local line tab=$'\t'
    local -a candidates
    for line in "${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        case $line in
        '') ;;
        :files) _files ;;
        *$tab*) candidates+=("${${line%%$tab*}//:/\\:}:${line#*$tab}") ;;
        *) candidates+=("${line//:/\\:}") ;;
        esac
    done
    (( $#candidates )) && _describe PROGRAM candidates
}
if [[ $funcstack[1] == _PROGRAM ]]; then
    _PROGRAM "$@"
else
    compdef _PROGRAM PROGRAM
fi
`,
	"fish": `# fish completion for PROGRAM: PROGRAM completion fish | source
function __PROGRAM_complete
    set -l words (commandline -opc)
    set -l last (commandline -ct)
    test -n "$last"; or set last ''
    for line in ($words[1] __complete $words[2..-1] $last 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path $last
        else
            echo $line
        end
    end
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
`,
}

// complete writes the candidates for the last of words.
func complete(w io.Writer, program *kong.Node, words []string) error {
	var text strings.Builder
	for _, c := range candidates(program, words) {
		text.WriteString(strings.TrimSuffix(c.word+"\t"+c.says, "\t") + "\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

type candidate struct{ word, says string }

func candidates(program *kong.Node, words []string) []candidate {
	if len(words) == 0 {
		words = []string{""}
	}
	node, position, wants := program, 0, (*kong.Flag)(nil)
	last := len(words) - 1
	for i, word := range words[:last] {
		switch {
		case word == "=" && wants != nil: // bash makes three words of --output=json
		case wants != nil:
			wants = nil
		case strings.HasPrefix(word, "-"):
			name, _, hasValue := strings.Cut(word, "=")
			// A flag that bash has cut before its = wants a value even if it needs none.
			cut := i+1 < len(words) && words[i+1] == "="
			if flag := flagNamed(node, name); flag != nil && !hasValue && (cut || !flag.IsBool()) {
				wants = flag
			}
		default:
			if child := findChild(node, word); child != nil {
				node, position = child, 0
			} else {
				position++
			}
		}
	}
	word, before := words[last], ""
	if name, value, is := strings.Cut(word, "="); is && wants == nil && strings.HasPrefix(name, "-") {
		wants, word, before = flagNamed(node, name), value, name+"="
	}
	var all []candidate
	switch {
	case wants != nil:
		word = strings.TrimPrefix(word, "=")
		all = valuesOf(wants.Value, wants.PlaceHolder)
	case strings.HasPrefix(word, "-"):
		all = flagsOf(node)
	default:
		for _, child := range node.Children {
			if !child.Hidden {
				all = append(all, candidate{child.Name, firstSentence(child.Help)})
			}
		}
		if n := len(node.Positional); n > 0 {
			argument := node.Positional[min(position, n-1)]
			if position < n || argument.IsCumulative() {
				all = append(all, valuesOf(argument, argument.Name)...)
			}
		}
	}
	all = slices.DeleteFunc(all, func(c candidate) bool { return c.word != files && !strings.HasPrefix(c.word, word) })
	for i := range all {
		if all[i].word != files {
			all[i].word = before + all[i].word
		}
	}
	return all
}

// valuesOf returns what is allowed, or that a file is meant.
func valuesOf(value *kong.Value, placeHolder string) (all []candidate) {
	for _, word := range strings.Split(value.Enum, ",") {
		if word != "" {
			all = append(all, candidate{word, ""})
		}
	}
	switch strings.ToUpper(placeHolder) {
	case "FILE", "NEW", "DIR", "DATABASE":
		all = append(all, candidate{files, ""})
	default:
		if value.Name == "data" || value.Name == "rejects" {
			all = append(all, candidate{files, ""})
		}
	}
	return all
}

func flagsOf(node *kong.Node) (all []candidate) {
	for n := node; n != nil; n = n.Parent {
		for _, flag := range n.Flags {
			if !flag.Hidden {
				all = append(all, candidate{"--" + flag.Name, firstSentence(flag.Help)})
			}
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return strings.Compare(a.word, b.word) })
	return all
}

func flagNamed(node *kong.Node, name string) *kong.Flag {
	for n := node; n != nil; n = n.Parent {
		for _, flag := range n.Flags {
			if name == "--"+flag.Name || flag.Short != 0 && name == "-"+string(flag.Short) {
				return flag
			}
		}
	}
	return nil
}

func firstSentence(text string) string {
	first, _, _ := strings.Cut(text, ". ")
	first, _, _ = strings.Cut(first, ": ")
	return strings.TrimSuffix(fmt.Sprintf("%.70s", first), ".")
}
