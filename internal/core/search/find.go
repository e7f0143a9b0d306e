package search

import "slices"

// A Query says what is looked for.
type Query struct {
	Text   string
	Limit  int    // how many results; 0 means 5, and more than 100 are never given
	Server string // only its tools; "" for all
	Effect Effect // only tools with it; AnyEffect for all
}

// A Result is a tool that was found.
type Result struct {
	Tool
	Hints
	Score float32 // of results of one query, the higher the better; always above 0
}

const (
	defaultLimit = 5
	maxLimit     = 100
	maxText      = 1000 // bytes of a query that are read
	maxGroups    = 24   // words of a query that count
)

// Weights of a term that stands for the word of a query.
const (
	asSynonym = 0.4
	asGuess   = 0.8 // an edit away; the square of it two edits, or an abbreviation
)

// scratch is what a query needs. It is all zero but for spare room between two.
type scratch struct {
	cut     splitter
	text    []byte
	stem    []byte
	asked   []uint32 // terms of the query, each once; noTerm for a word that is in no tool
	guesses [4]guess
	looks   int
	group   []float32 // of each tool: its best for the word at hand
	inGroup []uint32
	scores  []float32
	touched []uint32
	best    []uint32 // the tools with the best scores, best first
}

// Find appends the tools that fit a query best to results, the best first; those
// that fit equally in the order of their names. It allocates nothing where results
// has room.
func (x *Index) Find(results []Result, q Query) []Result {
	if len(x.tools) == 0 {
		return results
	}
	s, _ := x.pool.Get().(*scratch)
	if s == nil {
		s = &scratch{group: make([]float32, len(x.tools)), scores: make([]float32, len(x.tools)), best: make([]uint32, 0, maxLimit+1)}
	}
	defer x.pool.Put(s)
	s.asked, s.looks = s.asked[:0], maxLooks
	s.text = append(s.text[:0], q.Text[:min(len(q.Text), maxText)]...)
	s.cut.split(s.text, func(w []byte) { x.word(s, w) })
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	x.rank(s, q, min(limit, maxLimit))
	for _, i := range s.best {
		results = append(results, Result{x.tools[i], x.hints[i], s.scores[i]})
	}
	for _, i := range s.touched {
		s.scores[i] = 0
	}
	s.touched, s.best = s.touched[:0], s.best[:0]
	return results
}

// word counts one word of a query.
func (x *Index) word(s *scratch, w []byte) {
	if len(s.asked) == maxGroups || common[string(w)] {
		return
	}
	s.stem = stem(append(s.stem[:0], w...))
	term, known := x.terms[string(s.stem)]
	switch {
	case known && slices.Contains(s.asked, term):
		return
	case known:
		x.count(s, term, 1)
		for _, other := range x.alike[term] {
			x.count(s, other, asSynonym)
		}
	default:
		term = noTerm
		x.unknown(s, w)
	}
	s.asked = append(s.asked, term)
	s.closeGroup()
}

// unknown counts what may be meant by a word that is in no tool.
func (x *Index) unknown(s *scratch, w []byte) {
	known := false
	for _, other := range synonyms[string(s.stem)] {
		if term, ok := x.terms[other]; ok {
			known = true
			x.count(s, term, asSynonym)
		}
	}
	if known {
		return
	}
	guesses := x.words.near(s.guesses[:0], w, &s.looks)
	if len(guesses) == 0 {
		guesses = x.words.begun(guesses, w, &s.looks)
	}
	for _, g := range guesses {
		weight := float32(asGuess)
		if g.edits > 1 {
			weight *= asGuess
		}
		x.count(s, g.term, weight)
	}
}

// count counts a term that may stand for the word at hand. Of all that may, the
// one that says most for a tool counts for it.
func (x *Index) count(s *scratch, term uint32, weight float32) {
	weight *= x.rarity[term]
	for _, p := range x.posts[x.start[term]:x.start[term+1]] {
		if v := p.about * weight; v > s.group[p.tool] {
			if s.group[p.tool] == 0 {
				s.inGroup = append(s.inGroup, p.tool)
			}
			s.group[p.tool] = v
		}
	}
}

func (s *scratch) closeGroup() {
	for _, i := range s.inGroup {
		if s.scores[i] == 0 {
			s.touched = append(s.touched, i)
		}
		s.scores[i] += s.group[i]
		s.group[i] = 0
	}
	s.inGroup = s.inGroup[:0]
}

// rank puts the best into s.best.
func (x *Index) rank(s *scratch, q Query, limit int) {
	var floor float32
	for _, i := range s.touched {
		score := s.scores[i]
		if len(s.best) == limit && score < floor || !x.fits(i, q) {
			continue
		}
		at := len(s.best)
		for at > 0 && (score > s.scores[s.best[at-1]] || score == s.scores[s.best[at-1]] && i < s.best[at-1]) {
			at--
		}
		if at == limit {
			continue
		}
		if len(s.best) < limit {
			s.best = append(s.best, 0)
		}
		copy(s.best[at+1:], s.best[at:])
		s.best[at] = i
		floor = s.scores[s.best[len(s.best)-1]]
	}
}

func (x *Index) fits(i uint32, q Query) bool {
	return (q.Server == "" || x.tools[i].Server == q.Server) &&
		(q.Effect == AnyEffect || x.hints[i].Effect() == q.Effect)
}
