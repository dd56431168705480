package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	link     = regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	fenced   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
)

// documents returns the text of each Markdown file but those below testdata, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".git")) {
			return filepath.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".md") {
			return err
		}
		text, err := os.ReadFile(path)
		texts[filepath.ToSlash(strings.TrimPrefix(path, "../../"))] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// TestDocuments_LinkToWhatExists follows every relative link of the documents, to the file and to the heading in it.
func TestDocuments_LinkToWhatExists(t *testing.T) {
	texts := documents(t)
	links, toHeadings := 0, 0
	for document, text := range texts {
		for _, match := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			path, anchor := match[1], match[2]
			if strings.Contains(path, "://") {
				continue
			}
			links++
			target := document
			if path != "" {
				target = filepath.Join(filepath.Dir(document), path)
			}
			if _, err := os.Stat(filepath.Join("../..", target)); err != nil {
				t.Errorf("%s links to %s: %v", document, path, err)
			}
			if anchor == "" {
				continue
			}
			if toHeadings++; !slices.Contains(anchors(texts[target]), anchor) {
				t.Errorf("%s links to %s#%s, and there is no such heading", document, path, anchor)
			}
		}
	}
	t.Logf("%d links in %d documents, %d of them to a heading", links, len(texts), toHeadings)
	if links < 100 || toHeadings < 5 {
		t.Errorf("only %d links were followed, %d of them to a heading", links, toHeadings)
	}
}

// anchors returns the names that a Markdown viewer gives to the headings of a text.
func anchors(text string) (names []string) {
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		words := linkText.ReplaceAllString(match[1], "$1")
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, words))
	}
	return names
}

// TestDocuments_ReadmeIsOneScreen keeps the README short: what it is, how it begins, and where to read on.
func TestDocuments_ReadmeIsOneScreen(t *testing.T) {
	if lines := strings.Count(documents(t)["README.md"], "\n"); lines >= 120 {
		t.Errorf("README.md has %d lines, and may have 119: move what grew to the page of its reader", lines)
	}
}

// TestDocuments_ShowCommandsInBlocksThatRun finds commands outside of the ```sh blocks that stack/e2e runs.
func TestDocuments_ShowCommandsInBlocksThatRun(t *testing.T) {
	const programs = "order|activity|ordertally|make|go|curl|docker|kcat|rclone|restic"
	command := regexp.MustCompile(`^( {4}|)\$? ?((` + programs + `) [-a-z./'"])`)
	for document, text := range documents(t) {
		if document == "CHANGELOG.md" || document == "docs/reference/commands.md" {
			continue // what was; and what --help says, with examples
		}
		fence := ""
		for line := range strings.Lines(text) {
			switch trimmed := strings.TrimSpace(line); {
			case fence == "" && strings.HasPrefix(trimmed, "```"):
				fence = trimmed
			case fence != "" && trimmed == "```":
				fence = ""
			case fence == "```sh" || !command.MatchString(line):
			case fence != "" || strings.HasPrefix(line, "    "):
				t.Errorf("%s shows a command that no test runs, mark its block as sh: %s", document, trimmed)
			}
		}
	}
}

// TestDocuments_AreListed finds pages that the index in docs/README.md does not lead to.
func TestDocuments_AreListed(t *testing.T) {
	texts := documents(t)
	for document := range texts {
		path, inDocs := strings.CutPrefix(document, "docs/")
		if inDocs && path != "README.md" && !strings.HasPrefix(path, "decisions/") &&
			!strings.Contains(texts["docs/README.md"], "]("+path+")") {
			t.Errorf("docs/README.md does not list %s", path)
		}
	}
}
