package main

import (
	"strings"
	"testing"
)

// TestJSONLines writes a log in pieces, of which none ends with a line.
func TestJSONLines(t *testing.T) {
	var out strings.Builder
	w := &jsonLines{out: &out}
	for _, piece := range []string{"on", "e\r\n<two>\n\nth", "r\x1b\xffee"} {
		if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Errorf("Write(%q) = %d, %v", piece, n, err)
		}
	}
	const complete = `{"line":"one"}` + "\n" + `{"line":"<two>"}` + "\n" + `{"line":""}` + "\n"
	if out.String() != complete {
		t.Errorf("before the end: %s", out.String())
	}
	if err := w.end(); err != nil {
		t.Error(err)
	}
	if want := complete + `{"line":"thr\u001b\ufffdee"}` + "\n"; out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}
