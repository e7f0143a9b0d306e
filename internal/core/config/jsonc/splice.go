package jsonc

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// A Splice replaces text[from:to]. Everything else stays byte for byte.
type Splice struct {
	From, To int
	With     string
}

// Spliced returns the whole file with the splices applied; they may not overlap.
func (d *Document) Spliced(edits ...Splice) []byte {
	slices.SortStableFunc(edits, func(a, b Splice) int { return a.From - b.From })
	out := bytes.Clone(d.bom)
	at := 0
	for _, e := range edits {
		out = append(out, d.text[at:e.From]...)
		out = append(out, e.With...)
		at = e.To
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
func (d *Document) lineAfter(from, to int) int {
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
func (d *Document) indentAt(offset int) string {
	start := bytes.LastIndexByte(d.text[:offset], '\n') + 1
	end := start
	for end < offset && (d.text[end] == ' ' || d.text[end] == '\t') {
		end++
	}
	return string(d.text[start:end])
}

// EOL returns the line ending that the file uses.
func (d *Document) EOL() string {
	if i := bytes.IndexByte(d.text, '\n'); i > 0 && d.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// Unit returns one step of indentation as the file uses it.
func (d *Document) Unit() string {
	root := blockOf(&d.Root)
	if len(root.items) > 0 && d.lineAfter(root.from, root.items[0].from) > 0 {
		base := d.indentAt(root.from)
		if step, ok := strings.CutPrefix(d.indentAt(root.items[0].from), base); ok && step != "" {
			return step
		}
	}
	return "  "
}

// InsertFirst adds a member that is not tied to a place, as one new line if the
// object is written in lines: at its top, where no other line needs a comma.
func (d *Document) InsertFirst(v *hujson.Value, member string) []Splice {
	b := blockOf(v)
	if len(b.items) == 0 {
		return d.AppendTo(v, func(string) string { return member })
	}
	if line := d.lineAfter(b.from, b.items[0].from); line > 0 {
		return []Splice{{line, line, d.indentAt(b.items[0].from) + member + "," + d.EOL()}}
	}
	end := b.items[len(b.items)-1].to
	return []Splice{{end, end, ", " + member}}
}

// AppendTo adds an item at the end. render is given the indentation of its line.
func (d *Document) AppendTo(v *hujson.Value, render func(indent string) string) []Splice {
	b := blockOf(v)
	closing := b.to - 1
	if len(b.items) == 0 {
		base := d.indentAt(b.from)
		indent := base + d.Unit()
		end := d.trimmed(b.from+1, closing)
		return []Splice{{end, closing, d.EOL() + indent + render(indent) + d.EOL() + base}}
	}
	end := b.items[len(b.items)-1].to
	if d.lineAfter(b.from, b.items[0].from) == 0 {
		return []Splice{{end, end, ", " + render(d.indentAt(b.from))}}
	}
	indent := d.indentAt(b.items[0].from)
	tail := d.trimmed(end, closing)
	text := d.EOL() + indent + render(indent)
	if b.last.AfterExtra != nil { // a trailing comma: keep the style
		return []Splice{{tail, tail, text + ","}}
	}
	if tail == end {
		return []Splice{{end, end, "," + text}}
	}
	return []Splice{{end, end, ","}, {tail, tail, text}}
}

// AppendValue adds prefix and raw, which is valid JSON, at the end: in one line
// if the item before it is.
func (d *Document) AppendValue(v *hujson.Value, prefix string, raw []byte) []Splice {
	last := blockOf(v).last
	oneLine := last != nil && !bytes.Contains(d.text[last.StartOffset:last.EndOffset], []byte("\n"))
	return d.AppendTo(v, func(indent string) string {
		if oneLine {
			return prefix + inline(raw)
		}
		return prefix + d.InLines(raw, indent)
	})
}

// trimmed returns the end of text[from:to] without trailing blanks.
func (d *Document) trimmed(from, to int) int {
	return from + len(bytes.TrimRight(d.text[from:to], " \t\r\n"))
}

// Remove takes out item i and one comma. Comments around it stay; a line that
// would be left blank goes.
func (d *Document) Remove(v *hujson.Value, i int) []Splice {
	b := blockOf(v)
	it := b.items[i]
	cut := Splice{From: it.from, To: it.to}
	comma := d.commaAfter(it.to)
	switch {
	case comma >= 0 && len(bytes.Trim(d.text[it.to:comma], " \t")) == 0:
		cut.To = comma + 1
		return []Splice{d.wholeLine(cut)}
	case comma >= 0:
		return []Splice{d.wholeLine(cut), {From: comma, To: comma + 1}}
	case i == 0:
		return []Splice{d.wholeLine(cut)}
	}
	comma = d.commaAfter(b.items[i-1].to)
	if len(bytes.TrimSpace(d.text[comma+1:it.from])) == 0 && d.lineAfter(comma, it.from) == 0 {
		return []Splice{{From: comma, To: it.to}}
	}
	return []Splice{{From: comma, To: comma + 1}, d.wholeLine(cut)}
}

// commaAfter returns the offset of the comma that follows a value, or -1.
func (d *Document) commaAfter(end int) int {
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
func (d *Document) wholeLine(cut Splice) Splice {
	from, to := cut.From, cut.To
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
		return Splice{From: from, To: to + 2}
	case alone && bytes.HasPrefix(rest, []byte("\n")):
		return Splice{From: from, To: to + 1}
	case d.text[cut.To-1] == ',' && !alone && !bytes.HasPrefix(rest, []byte("}")) && !bytes.HasPrefix(rest, []byte("]")):
		return Splice{From: cut.From, To: to}
	}
	return cut
}

// InLines writes valid JSON in the style of the document, inline in one line.
// Numbers and the order of keys stay as they are.
func (d *Document) InLines(raw []byte, indent string) string {
	var b bytes.Buffer
	_ = json.Indent(&b, raw, indent, d.Unit()) // raw was checked before
	return strings.ReplaceAll(b.String(), "\n", d.EOL())
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

// ReplaceValue puts raw, which is valid JSON, in place of a value: in one line if that is.
func (d *Document) ReplaceValue(v *hujson.Value, raw []byte) Splice {
	with := inline(raw)
	if bytes.Contains(d.text[v.StartOffset:v.EndOffset], []byte("\n")) {
		with = d.InLines(raw, d.indentAt(v.StartOffset))
	}
	return Splice{From: v.StartOffset, To: v.EndOffset, With: with}
}

// ValueText returns a value as it stands in the text.
func (d *Document) ValueText(v *hujson.Value) string {
	return string(d.text[v.StartOffset:v.EndOffset])
}
