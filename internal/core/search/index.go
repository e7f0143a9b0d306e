package search

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// A Tool is what is put into an index.
type Tool struct {
	Name       string // as clients know it; unique in an index
	Server     string
	Own        string // as its server spells it
	Definition string // the raw JSON object of the server's tools/list; one that is not valid is found by its names
}

// An Index finds tools. The zero value is an empty one.
type Index struct {
	tools  []Tool // in the order of their names
	hints  []Hints
	terms  map[string]uint32 // stem: its number
	start  []uint32          // of each term, and the end of the last: where its postings are
	posts  []posting
	rarity []float32   // of each term
	alike  [][]uint32  // of each term: those that mean the same
	words  *dictionary // every form of each term
	pool   sync.Pool   // of *scratch
}

// A posting says how much a tool is about a term, from 0 to 1.
type posting struct {
	tool  uint32
	about float32
}

// Weights of the fields, and how long a field usually is in words: a word in a
// longer one counts less. The lengths are constants, so that a tool's score does
// not depend on what else there is.
var (
	nameField   = field{weight: 4, usual: 3, slope: 0.4}
	serverField = field{weight: 1.5, usual: 2, slope: 0.4}
	titleField  = field{weight: 2, usual: 3, slope: 0.4}
	textField   = field{weight: 1, usual: 25, slope: 0.6}
	paramField  = field{weight: 0.35, usual: 25, slope: 0.6}
)

// saturation is BM25's k1: how soon more of the same word says no more.
const saturation = 1.4

// maxWords is how many words of one field are read: a server cannot slow the
// search for the others down by writing books.
const maxWords = 600

type field struct{ weight, usual, slope float32 }

// Build returns an index of tools, which it does not keep.
func Build(tools []Tool) *Index {
	x := &Index{
		tools: slices.Clone(tools),
		hints: make([]Hints, len(tools)),
		terms: make(map[string]uint32, 4096),
		words: new(dictionary),
	}
	slices.SortFunc(x.tools, func(a, b Tool) int { return cmp.Compare(a.Name, b.Name) })
	b := builder{x: x, stems: make(map[string]uint32, 8192), found: make([]entry, 0, 48*len(tools))}
	for i, t := range x.tools {
		b.tool(uint32(i), t)
	}
	x.arrange(b.found)
	x.relate()
	return x
}

// Len is the number of tools.
func (x *Index) Len() int { return len(x.tools) }

// A builder reads the tools one by one.
type builder struct {
	x     *Index
	def   definition
	cut   splitter
	stems map[string]uint32 // word: its term, or noTerm
	found []entry
	field []uint32  // the terms of one field
	about []float32 // of each term: how much the tool is about it
	has   []uint32  // terms whose about is not 0
	stem  []byte
}

type entry struct {
	term uint32
	posting
}

const noTerm = math.MaxUint32

func (b *builder) tool(i uint32, t Tool) {
	b.def.read(t.Definition)
	b.x.hints[i] = b.def.hints
	b.add(nameField, []byte(t.Own))
	b.add(serverField, []byte(t.Server))
	b.add(titleField, b.def.title)
	b.add(textField, b.def.text)
	b.add(paramField, b.def.params)
	for _, term := range b.has {
		a := b.about[term]
		b.found = append(b.found, entry{term, posting{i, a / (a + saturation)}})
		b.about[term] = 0
	}
	b.has = b.has[:0]
}

// add reads one field of a tool.
func (b *builder) add(f field, text []byte) {
	b.field = b.field[:0]
	b.cut.split(text, func(w []byte) {
		if len(b.field) < maxWords {
			if term := b.term(w); term != noTerm {
				b.field = append(b.field, term)
			}
		}
	})
	each := f.weight / (1 - f.slope + f.slope*float32(len(b.field))/f.usual)
	for _, term := range b.field {
		if b.about[term] == 0 {
			b.has = append(b.has, term)
		}
		b.about[term] += each
	}
}

// term returns the number of a word's term.
func (b *builder) term(w []byte) uint32 {
	if term, ok := b.stems[string(w)]; ok {
		return term
	}
	word := string(w)
	if common[word] {
		b.stems[word] = noTerm
		return noTerm
	}
	b.stem = stem(append(b.stem[:0], w...))
	term, ok := b.x.terms[string(b.stem)]
	if !ok {
		term = uint32(len(b.x.terms))
		b.x.terms[string(b.stem)] = term
		b.about = append(b.about, 0)
	}
	b.stems[word] = term
	b.x.words.add(word, term)
	return term
}

// arrange sorts what was found by term.
func (x *Index) arrange(found []entry) {
	x.start = make([]uint32, len(x.terms)+1)
	for _, e := range found {
		x.start[e.term+1]++
	}
	x.rarity = make([]float32, len(x.terms))
	for i := range x.rarity {
		n := float64(x.start[i+1])
		x.rarity[i] = float32(math.Log(1 + (float64(len(x.tools))-n+0.5)/(n+0.5)))
		x.start[i+1] += x.start[i]
	}
	next := slices.Clone(x.start)
	x.posts = make([]posting, len(found))
	for _, e := range found {
		x.posts[next[e.term]] = e.posting
		next[e.term]++
	}
}

// relate looks up which terms mean the same.
func (x *Index) relate() {
	x.alike = make([][]uint32, len(x.terms))
	for a, others := range synonyms {
		term, ok := x.terms[a]
		if !ok {
			continue
		}
		for _, b := range others {
			if other, ok := x.terms[b]; ok {
				x.alike[term] = append(x.alike[term], other)
			}
		}
	}
}
