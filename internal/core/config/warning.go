package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// maxWarnings is how many different warnings are kept; nobody reads more.
const maxWarnings = 50

// A warning is about one key, however often it appears.
type warning struct {
	err  *Error
	text string
	more int
}

// unknown notes a key that has no meaning. It is said once for each key of
// servers and once for each key of the top level.
func (p *parser) unknown(v *hujson.Value, server, key string, known []string) {
	id := key
	if server != "" {
		id = "\x00" + key
	}
	if w, ok := p.warnings[id]; ok {
		w.more++
		return
	}
	if len(p.warnings) == maxWarnings {
		return
	}
	hint := "It stays in the file."
	if near := nearest(key, known); near != "" {
		hint = "Did you mean " + quoted(near) + "? It stays in the file."
	}
	w := &warning{text: "The key " + quoted(key) + " has no effect"}
	w.err = p.doc.errorAt(v.StartOffset, server, w.text+".", hint)
	if p.warnings == nil {
		p.warnings = map[string]*warning{}
	}
	p.warnings[id] = w
	p.order = append(p.order, w)
}

func (p *parser) finishWarnings() {
	for _, w := range p.order {
		if w.more > 0 {
			w.err.Text = fmt.Sprintf("%s, here and in %d more places.", w.text, w.more)
		}
		p.cfg.Warnings = append(p.cfg.Warnings, w.err)
	}
}

// nearest returns the known key that key is a likely misspelling of, or "".
func nearest(key string, known []string) string {
	if len(key) > 2*maxNameRunes {
		return ""
	}
	i := slices.IndexFunc(known, func(k string) bool {
		return strings.EqualFold(k, key) || distance(k, key) <= min(2, len(k)/3)
	})
	if i < 0 {
		return ""
	}
	return known[i]
}

// distance is how many bytes must be inserted, removed or replaced to make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
