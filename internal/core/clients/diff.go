package clients

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tailscale/hujson"

	"mcpproxy-tray/internal/core/config/jsonc"
)

const (
	contextLines = 3   // as diff -u
	longLine     = 200 // characters; longer ones are cut
	hidden       = "…" // in place of what may be a secret
)

// Diff returns what a change does to its file, for people: as diff -u would, but without
// the values of environments, headers and whatever is called a secret.
func (c *Change) Diff() string { return Diff(c.Path, c.Before, c.After) }

// Diff compares two texts of JSON, or of TOML if the path says so, as Change.Diff does. A text that is nil is no file.
func Diff(path string, before, after []byte) string {
	from, to := path, path
	if before == nil {
		from = "/dev/null"
	}
	if after == nil {
		to = "/dev/null"
	}
	shown := shownJSON
	if strings.HasSuffix(path, ".toml") {
		shown = shownTOML
	}
	a, b := lines(shown(before)), lines(shown(after))
	if slices.Equal(a, b) {
		return fmt.Sprintf("--- %s\n+++ %s\n(only values change that are not shown)\n", from, to)
	}
	head, tail := 0, 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	begin, more := max(head-contextLines, 0), min(tail, contextLines)
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n@@ -%s +%s @@\n", from, to, span(begin, len(a)-tail+more), span(begin, len(b)-tail+more))
	write := func(sign string, lines []string) {
		for _, line := range lines {
			out.WriteString(sign + cut(line) + "\n")
		}
	}
	write(" ", a[begin:head])
	write("-", a[head:len(a)-tail])
	write("+", b[head:len(b)-tail])
	write(" ", a[len(a)-tail:len(a)-tail+more])
	return out.String()
}

// span is a range of lines in the words of diff -u.
func span(from, to int) string {
	if to == from {
		return fmt.Sprintf("%d,0", from)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

func lines(text string) []string {
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// cut shortens a line, and leaves out what would control a terminal.
func cut(line string) string {
	line = strings.Map(func(r rune) rune {
		if r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) && (r < 0x202a || r > 0x202e) && (r < 0x2066 || r > 0x2069) {
			return r
		}
		return -1
	}, line)
	if runes := []rune(line); len(runes) > longLine {
		return string(runes[:longLine]) + hidden
	}
	return line
}

// shownJSON is a text without what may be a secret. A document in one long line is put in lines.
func shownJSON(text []byte) string {
	d, err := jsonc.Parse(text)
	if err != nil {
		return string(text)
	}
	text = d.Spliced(secrets(&d.Root, false)...)
	if d, err = jsonc.Parse(text); err == nil && slices.ContainsFunc(bytes.Split(text, []byte("\n")), func(line []byte) bool { return len(line) > 1000 }) {
		d.Root.Format()
		return d.Root.String()
	}
	return strings.TrimPrefix(string(text), jsonc.BOM)
}

var (
	secretTables = []string{"env", "environment", "envs", "headers", "http_headers"}
	secretName   = regexp.MustCompile(`(?i)token|secret|passw|api.?key|authorization|credential`)
	secretParam  = regexp.MustCompile(`(?i)((?:token|secret|passw\w*|api.?key|key|auth)=)[^&"\s]+`)
	userInfo     = regexp.MustCompile(`(://)[^/@"\s]+@`)
	reference    = regexp.MustCompile(`^"(Bearer )?\$?\{(env|input|keyring):[^}]*\}"$`)
)

// secrets hides the texts that may be one in a value. all is set below a table of them.
func secrets(v *hujson.Value, all bool) (found []jsonc.Splice) {
	switch value := v.Value.(type) {
	case *hujson.Object:
		for i := range value.Members {
			m := &value.Members[i]
			key := jsonc.Key(m)
			table := m.Value.Value.Kind() == '{' && slices.Contains(secretTables, key)
			found = append(found, secrets(&m.Value, all || table || m.Value.Value.Kind() == '"' && secretName.MatchString(key))...)
		}
	case *hujson.Array:
		for i := range value.Elements {
			previous := i > 0 && value.Elements[i-1].Value.Kind() == '"' && secretFlag(value.Elements[i-1].Value.(hujson.Literal))
			found = append(found, secrets(&value.Elements[i], all || previous)...)
		}
	case hujson.Literal:
		if value.Kind() != '"' {
			return nil
		}
		with := string(value)
		if bytes.ContainsAny(value, "=@") { // the patterns are slow
			with = userInfo.ReplaceAllString(secretParam.ReplaceAllString(with, "${1}"+hidden), "${1}"+hidden+"@")
		}
		if all && !reference.Match(value) {
			with = `"` + hidden + `"`
		}
		if with != string(value) {
			found = append(found, jsonc.Splice{From: v.StartOffset, To: v.EndOffset, With: with})
		}
	}
	return found
}

// secretFlag reports whether an argument is a flag that a secret follows.
func secretFlag(arg hujson.Literal) bool {
	return strings.HasPrefix(string(arg), `"-`) && secretName.Match(arg) && !bytes.ContainsRune(arg, '=')
}
