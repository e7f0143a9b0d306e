package faults

import (
	"fmt"
	"strings"
)

// Markdown returns docs/errors.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`# What the program says when something is wrong

Written from the table in ` + "`internal/core/faults`" + ` by ` + "`make golden`" + `; change it there. Every code is stable: search for it
here when you see it in the menu, in a notification, in the log or in an answer of the program. In the sentences … stands for
what varies: a name, an address, a number.

`)
	for _, part := range []struct {
		title string
		codes []Code
	}{
		{"One server", serverCodes},
		{"The program and its files", programCodes},
		{"Answers to requests", requestCodes},
	} {
		b.WriteString("## " + part.title + "\n")
		writeCodes(&b, part.codes)
		b.WriteString("\n")
	}
	b.WriteString(`## What can go wrong

Each line is tried by the tests named in it. Where no code is given there is nothing for you to do.

`)
	for _, f := range Faults() {
		writeFault(&b, f)
	}
	b.WriteString("\n## Not covered\n\n")
	for _, f := range Faults() {
		if f.Open != "" {
			fmt.Fprintf(&b, "- **%s** %s\n", f.ID, f.Open)
		}
	}
	return b.String()
}

// writeCodes writes each code once, with all of its sentences.
func writeCodes(b *strings.Builder, codes []Code) {
	var last string
	said := map[string]bool{} // by two packages in the same words
	for _, c := range codes {
		if c.Code != last {
			fmt.Fprintf(b, "\n### %s\n\n%s\n\n", c.Code, c.Why)
			last = c.Code
		}
		if said[c.Code+c.Text+c.Hint] {
			continue
		}
		said[c.Code+c.Text+c.Hint] = true
		text, hint := c.Text, c.Hint
		if text == "" {
			text = "(says what is wrong)"
		}
		if hint == "" {
			hint = "see above."
		}
		fmt.Fprintf(b, "- “%s” Next: %s\n", text, hint)
	}
}

func writeFault(b *strings.Builder, f Fault) {
	fmt.Fprintf(b, "- **%s** %s", f.ID, f.What)
	if len(f.Codes) > 0 {
		fmt.Fprintf(b, " Shown as %s.", list(f.Codes, func(code string) string { return "[" + code + "](#" + strings.ToLower(code) + ")" }))
	}
	fmt.Fprintf(b, "\n  - %s\n", f.Does)
	if len(f.Tests) > 0 {
		fmt.Fprintf(b, "  - Tried by %s.\n", list(f.Tests, func(test string) string { return "`" + strings.TrimPrefix(test, "cmd/") + "`" }))
	}
}

func list(items []string, show func(string) string) string {
	var out []string
	for _, item := range items {
		out = append(out, show(item))
	}
	return strings.Join(out, ", ")
}
