package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// firstParts are the parts of a tool's definition that are shown first, in this order.
var firstParts = []string{"name", "title", "description", "inputSchema", "outputSchema", "annotations", "icons"}

// diffDefinitions writes the parts of a definition that differ from those of another,
// each under its name, as lines that are gone (-) or new (+) and some of those around.
func diffDefinitions(b *bytes.Buffer, was, is json.RawMessage) {
	before, after := parts(was), parts(is)
	names := slices.Clone(firstParts)
	for _, m := range []map[string]part{before, after} {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		was, is := before[name], after[name]
		if was.value == is.value {
			continue
		}
		if slices.Equal(was.lines, is.lines) { // a text that looks like another value
			was.lines, is.lines = was.whole(), is.whole()
		}
		fmt.Fprintf(b, "@@ %s @@\n", reveal(name))
		for _, line := range unified(was.lines, is.lines) {
			fmt.Fprintf(b, "%c%s\n", line.mark, reveal(line.text))
		}
	}
}

// A part is a member of a definition; the zero value is one that is not there.
type part struct {
	value string   // as indented JSON with sorted names and numbers as written: the same for what says the same
	lines []string // of that, or of a string
}

func (p part) whole() []string {
	if p.value == "" {
		return nil
	}
	return strings.Split(p.value, "\n")
}

// parts returns the members of a definition.
func parts(definition json.RawMessage) map[string]part {
	all := map[string]part{}
	var members map[string]json.RawMessage
	if json.Unmarshal(definition, &members) != nil {
		return all // none was approved
	}
	for name, value := range members {
		var v any
		dec := json.NewDecoder(bytes.NewReader(value))
		dec.UseNumber()
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if dec.Decode(&v) != nil || enc.Encode(v) != nil {
			continue // the API sends valid JSON
		}
		p := part{value: strings.TrimSuffix(out.String(), "\n")}
		if p.lines = p.whole(); value[0] == '"' {
			text, _ := v.(string)
			p.lines = strings.Split(text, "\n")
		}
		all[name] = p
	}
	return all
}

// A diffLine is a line with - (gone), + (new) or a space (in both).
type diffLine struct {
	mark byte
	text string
}

const (
	diffAround = 3         // lines shown before and after a change
	maxDiff    = 4_000_000 // pairs of lines that are compared; more is shown as gone and new
)

// unified returns what differs between two texts.
func unified(a, b []string) []diffLine {
	start := 0
	for start < min(len(a), len(b)) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < min(len(a), len(b))-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	all := marked(' ', a[:start])
	all = append(all, compareLines(a[start:len(a)-end], b[start:len(b)-end])...)
	all = append(all, marked(' ', a[len(a)-end:])...)
	var out []diffLine
	for i, line := range all {
		near := all[max(0, i-diffAround):min(len(all), i+diffAround+1)]
		switch {
		case slices.ContainsFunc(near, func(l diffLine) bool { return l.mark != ' ' }):
			out = append(out, line)
		case len(out) == 0 || out[len(out)-1].mark != '~':
			out = append(out, diffLine{'~', ""})
		}
	}
	return out
}

func marked(mark byte, lines []string) []diffLine {
	out := make([]diffLine, len(lines))
	for i, line := range lines {
		out[i] = diffLine{mark, line}
	}
	return out
}

// compareLines compares by the longest common subsequence.
func compareLines(a, b []string) []diffLine {
	if len(a)*len(b) > maxDiff || len(a) == 0 || len(b) == 0 {
		return append(marked('-', a), marked('+', b)...)
	}
	width := len(b) + 1
	common := make([]int32, (len(a)+1)*width) // of a[i:] and b[j:]
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i*width+j] = common[(i+1)*width+j+1] + 1
			} else {
				common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
			}
		}
	}
	var out []diffLine
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			out = append(out, diffLine{' ', a[i]})
			i, j = i+1, j+1
		case common[(i+1)*width+j] >= common[i*width+j+1]:
			out = append(out, diffLine{'-', a[i]})
			i++
		default:
			out = append(out, diffLine{'+', b[j]})
			j++
		}
	}
	return append(append(out, marked('-', a[i:])...), marked('+', b[j:])...)
}

// reveal makes visible what a terminal would obey, or not show: as \u{…}, by its code point.
func reveal(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) && !unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}
