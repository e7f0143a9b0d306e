package config

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// A splice replaces text[from:to]. Everything else stays byte for byte.
type splice struct {
	from, to int
	with     string
}

// spliced returns the whole file with the splices applied; they may not overlap.
func (d *document) spliced(edits ...splice) []byte {
	slices.SortStableFunc(edits, func(a, b splice) int { return a.from - b.from })
	out := bytes.Clone(d.bom)
	at := 0
	for _, e := range edits {
		out = append(out, d.text[at:e.from]...)
		out = append(out, e.with...)
		at = e.to
	}
	return append(out, d.text[at:]...)
}

// An item is a member of an object or an element of a list: from its first to
// behind its last byte, without the comma.
type item struct{ from, to int }

// A block is what edits need to know of an object or list.
type block struct {
	from, to int // the bracket, and behind the closing one
	items    []item
	last     *hujson.Value // value of the last item
}

func blockOf(v *hujson.Value) block {
	b := block{from: v.StartOffset, to: v.EndOffset}
	switch value := v.Value.(type) {
	case *hujson.Object:
		for i := range value.Members {
			m := &value.Members[i]
			b.items = append(b.items, item{m.Name.StartOffset, m.Value.EndOffset})
			b.last = &m.Value
		}
	case *hujson.Array:
		for i := range value.Elements {
			e := &value.Elements[i]
			b.items = append(b.items, item{e.StartOffset, e.EndOffset})
			b.last = e
		}
	}
	return b
}

// lineAfter returns the start of the first line that begins between from and
// to, outside of comments that span lines; 0 if there is none.
func (d *document) lineAfter(from, to int) int {
	for i := from; i < to; i++ {
		if d.text[i] == '/' {
			i = skipComment(d.text, i) // ends on the line break of a line comment
		}
		if i < to && d.text[i] == '\n' {
			return i + 1
		}
	}
	return 0
}

// indentAt returns the blanks that the line of offset begins with.
func (d *document) indentAt(offset int) string {
	start := bytes.LastIndexByte(d.text[:offset], '\n') + 1
	end := start
	for end < offset && (d.text[end] == ' ' || d.text[end] == '\t') {
		end++
	}
	return string(d.text[start:end])
}

// eol returns the line ending that the file uses.
func (d *document) eol() string {
	if i := bytes.IndexByte(d.text, '\n'); i > 0 && d.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// unit returns one step of indentation as the file uses it.
func (d *document) unit() string {
	root := blockOf(&d.root)
	if len(root.items) > 0 && d.lineAfter(root.from, root.items[0].from) > 0 {
		base := d.indentAt(root.from)
		if step, ok := strings.CutPrefix(d.indentAt(root.items[0].from), base); ok && step != "" {
			return step
		}
	}
	return "  "
}

// insertFirst adds a member that is not tied to a place, as one new line if the
// object is written in lines: at its top, where no other line needs a comma.
func (d *document) insertFirst(v *hujson.Value, member string) []splice {
	b := blockOf(v)
	if len(b.items) == 0 {
		return d.appendTo(v, func(string) string { return member })
	}
	if line := d.lineAfter(b.from, b.items[0].from); line > 0 {
		return []splice{{line, line, d.indentAt(b.items[0].from) + member + "," + d.eol()}}
	}
	end := b.items[len(b.items)-1].to
	return []splice{{end, end, ", " + member}}
}

// appendTo adds an item at the end. render is given the indentation of its line.
func (d *document) appendTo(v *hujson.Value, render func(indent string) string) []splice {
	b := blockOf(v)
	closing := b.to - 1
	if len(b.items) == 0 {
		base := d.indentAt(b.from)
		indent := base + d.unit()
		end := d.trimmed(b.from+1, closing)
		return []splice{{end, closing, d.eol() + indent + render(indent) + d.eol() + base}}
	}
	end := b.items[len(b.items)-1].to
	if d.lineAfter(b.from, b.items[0].from) == 0 {
		return []splice{{end, end, ", " + render(d.indentAt(b.from))}}
	}
	indent := d.indentAt(b.items[0].from)
	tail := d.trimmed(end, closing)
	text := d.eol() + indent + render(indent)
	if b.last.AfterExtra != nil { // a trailing comma: keep the style
		return []splice{{tail, tail, text + ","}}
	}
	if tail == end {
		return []splice{{end, end, "," + text}}
	}
	return []splice{{end, end, ","}, {tail, tail, text}}
}

// trimmed returns the end of text[from:to] without trailing blanks.
func (d *document) trimmed(from, to int) int {
	return from + len(bytes.TrimRight(d.text[from:to], " \t\r\n"))
}

// remove takes out item i and one comma. Comments around it stay; a line that
// would be left blank goes.
func (d *document) remove(v *hujson.Value, i int) []splice {
	b := blockOf(v)
	it := b.items[i]
	cut := splice{from: it.from, to: it.to}
	comma := d.commaAfter(it.to)
	switch {
	case comma >= 0 && len(bytes.Trim(d.text[it.to:comma], " \t")) == 0:
		cut.to = comma + 1
		return []splice{d.wholeLine(cut)}
	case comma >= 0:
		return []splice{d.wholeLine(cut), {from: comma, to: comma + 1}}
	case i == 0:
		return []splice{d.wholeLine(cut)}
	}
	comma = d.commaAfter(b.items[i-1].to)
	if len(bytes.TrimSpace(d.text[comma+1:it.from])) == 0 && d.lineAfter(comma, it.from) == 0 {
		return []splice{{from: comma, to: it.to}}
	}
	return []splice{{from: comma, to: comma + 1}, d.wholeLine(cut)}
}

// commaAfter returns the offset of the comma that follows a value, or -1.
func (d *document) commaAfter(end int) int {
	for i := end; i < len(d.text); i++ {
		switch d.text[i] {
		case '/':
			i = skipComment(d.text, i)
		case ' ', '\t', '\r', '\n':
		case ',':
			return i
		default:
			return -1
		}
	}
	return -1
}

// wholeLine widens a cut to its whole lines if nothing else is on them, or else
// to the blanks behind it.
func (d *document) wholeLine(cut splice) splice {
	from, to := cut.from, cut.to
	for from > 0 && (d.text[from-1] == ' ' || d.text[from-1] == '\t') {
		from--
	}
	for to < len(d.text) && (d.text[to] == ' ' || d.text[to] == '\t') {
		to++
	}
	rest := d.text[to:]
	alone := from > 0 && d.text[from-1] == '\n'
	switch {
	case alone && bytes.HasPrefix(rest, []byte("\r\n")):
		return splice{from: from, to: to + 2}
	case alone && bytes.HasPrefix(rest, []byte("\n")):
		return splice{from: from, to: to + 1}
	case d.text[cut.to-1] == ',' && !alone && !bytes.HasPrefix(rest, []byte("}")) && !bytes.HasPrefix(rest, []byte("]")):
		return splice{from: cut.from, to: to}
	}
	return cut
}

// inLines and inline render JSON in the style of the file. Numbers and the
// order of keys stay as they are.
func (d *document) inLines(raw []byte, indent string) string {
	var b bytes.Buffer
	_ = json.Indent(&b, raw, indent, d.unit()) // raw was checked before
	return strings.ReplaceAll(b.String(), "\n", d.eol())
}

func inline(raw []byte) string {
	var b, out bytes.Buffer
	_ = json.Compact(&b, raw) // raw was checked before
	text := b.Bytes()
	for i := 0; i < len(text); i++ {
		if text[i] == '"' {
			end := skipString(text, i)
			out.Write(text[i : end+1])
			i = end
			continue
		}
		out.WriteByte(text[i])
		if text[i] == ':' || text[i] == ',' {
			out.WriteByte(' ')
		}
	}
	return out.String()
}
