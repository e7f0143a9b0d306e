package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestDiffOfDefinitions(t *testing.T) {
	const was = `{"name":"x","description":"One.\nTwo.\nThree.","inputSchema":{"type":"object","properties":{"a":{"type":"number","default":1},"b":{}}}}`
	for _, c := range []struct{ name, was, is, want string }{
		{"same", was, `{"inputSchema":{"properties":{"b":{},"a":{"default":1,"type":"number"}},"type":"object"},"name":"\u0078","description":"One.\nTwo.\nThree."}`, ""},
		{"text", was, strings.Replace(was, "Two.", "2.", 1), "@@ description @@\n One.\n-Two.\n+2.\n Three.\n"},
		{"number", was, strings.Replace(was, "1}", "1.0}", 1), "@@ inputSchema @@\n {\n   \"properties\": {\n     \"a\": {\n-      \"default\": 1,\n+      \"default\": 1.0,\n       \"type\": \"number\"\n     },\n     \"b\": {}\n~\n"},
		{"gone, new, order", `{"name":"x","zeta":1,"title":"T"}`, `{"name":"x","alpha":null,"icons":[]}`,
			"@@ title @@\n-T\n@@ icons @@\n+[]\n@@ zeta @@\n-1\n@@ alpha @@\n+null\n"},
		{"new tool", "", `{"name":"x","description":"<b> & \\"}`, "@@ name @@\n+x\n@@ description @@\n+<b> & \\\n"},
		{"text that looks like null", `{"description":null}`, `{"description":"null"}`, "@@ description @@\n-null\n+\"null\"\n"},
		{"hidden", `{"description":"a"}`, "{\"description\":\"a\u200b\u202e\U000e0041\ufe0f\u3164\u00a0\\u001b[31m\\r\"}",
			"@@ description @@\n-a\n+a\\u{200b}\\u{202e}\\u{e0041}\\u{fe0f}\\u{3164}\\u{a0}\\u{1b}[31m\\u{d}\n"},
		{"hidden further in", `{}`, "{\"inputSchema\":{\"\u202ea\":\"\u200d\"},\"\u202e\":1}", "@@ inputSchema @@\n+{\n+  \"\\u{202e}a\": \"\\u{200d}\"\n+}\n@@ \\u{202e} @@\n+1\n"},
	} {
		var b bytes.Buffer
		diffDefinitions(&b, json.RawMessage(c.was), json.RawMessage(c.is))
		if got := b.String(); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestUnifiedLeadsFromOneToTheOther: what is not + gives the old text, what is not - the new one.
func TestUnifiedLeadsFromOneToTheOther(t *testing.T) {
	for a := range 64 {
		for b := range 64 {
			var x, y []string
			for i := range 6 {
				if a>>i&1 == 1 {
					x = append(x, fmt.Sprint(i%3))
				}
				if b>>i&1 == 1 {
					y = append(y, fmt.Sprint(i%3))
				}
			}
			var old, now []string
			for _, line := range unified(x, y) {
				if line.mark == '-' || line.mark == ' ' {
					old = append(old, line.text)
				}
				if line.mark == '+' || line.mark == ' ' {
					now = append(now, line.text)
				}
			}
			// Around a change all of so short a text is shown; of equal ones nothing.
			if fmt.Sprint(x) != fmt.Sprint(y) && !strings.Contains(fmt.Sprint(unified(x, y)), "126") && (fmt.Sprint(old) != fmt.Sprint(x) || fmt.Sprint(now) != fmt.Sprint(y)) {
				t.Fatalf("unified(%v, %v) = %v", x, y, unified(x, y))
			}
		}
	}
}

func TestBigTextsAreNotCompared(t *testing.T) {
	long := func(n int, word string) []string { return strings.Split(strings.Repeat(word+"\n", n)+"end", "\n") }
	if got := unified(long(2001, "a"), long(2001, "b")); len(got) != 4003 || got[0].mark != '-' || got[4001].mark != '+' {
		t.Errorf("%d lines, the first %v", len(got), got[0])
	}
}
