package search

import "math/bits"

// A dictionary finds words that were spelt almost like another.
type dictionary struct {
	byLength [maxWord + 1][]spelling
}

type spelling struct {
	letters uint32 // a bit for each letter that occurs
	term    uint32
	word    string
}

// maxLooks is how many words are looked at for all misspelt words of a query: it
// bounds what the oddest query costs among the oddest tools.
const maxLooks = 60_000

func (d *dictionary) add(word string, term uint32) {
	if len(word) >= 3 && len(word) <= maxWord {
		d.byLength[len(word)] = append(d.byLength[len(word)], spelling{letters([]byte(word)), term, word})
	}
}

// A guess is a term that may be what a misspelt word should have been.
type guess struct {
	term  uint32
	edits int
}

// near fills to, up to its capacity, with the terms of the words nearest to w, all
// equally near: one edit away, or two from a word of 8 bytes and more. An edit is a
// letter too much, missing, wrong or swapped with its neighbour. Each word looked at
// takes one from looks.
func (d *dictionary) near(to []guess, w []byte, looks *int) []guess {
	reach := 1
	switch {
	case len(w) < 4:
		return to
	case len(w) >= 8:
		reach = 2
	}
	mask := letters(w)
	for n := len(w) - reach; n <= min(maxWord, len(w)+reach); n++ {
		for i := range d.byLength[n] {
			s := &d.byLength[n][i]
			if *looks--; *looks < 0 {
				return to
			}
			if bits.OnesCount32(s.letters^mask) > 2*reach {
				continue
			}
			e := edits(w, s.word, reach)
			if e > reach {
				continue
			}
			if len(to) > 0 && e < to[0].edits {
				to = to[:0]
			}
			reach = e // from here on, none that is farther
			if len(to) < cap(to) && !hasGuess(to, s.term) {
				to = append(to, guess{s.term, e})
			}
		}
	}
	return to
}

// begun fills to, up to its capacity, with the terms of the shortest words that
// begin with w: people and models write "config" and "auth". A word looked at takes
// one from looks.
func (d *dictionary) begun(to []guess, w []byte, looks *int) []guess {
	if len(w) < 3 {
		return to
	}
	for n := len(w) + 1; n <= maxWord; n++ {
		for i := range d.byLength[n] {
			if *looks--; *looks < 0 || len(to) == cap(to) {
				return to
			}
			if s := &d.byLength[n][i]; s.word[:len(w)] == string(w) && !hasGuess(to, s.term) {
				to = append(to, guess{s.term, 2})
			}
		}
	}
	return to
}

func hasGuess(all []guess, term uint32) bool {
	for _, g := range all {
		if g.term == term {
			return true
		}
	}
	return false
}

func letters(w []byte) (mask uint32) {
	for _, c := range w {
		if 'a' <= c && c <= 'z' {
			mask |= 1 << (c - 'a')
		} else {
			mask |= 1 << (26 + c%6)
		}
	}
	return mask
}

// edits counts the edits between two words of at most maxWord bytes; more than
// most is all the same.
func edits(a []byte, b string, most int) int {
	var rows [3][maxWord + 1]uint8
	prev2, prev, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		prev[j] = uint8(j)
	}
	for i := 1; i <= len(a); i++ {
		row[0] = uint8(i)
		least := row[0]
		for j := 1; j <= len(b); j++ {
			cost := uint8(1)
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
			least = min(least, row[j])
		}
		if int(least) > most {
			return most + 1
		}
		prev2, prev, row = prev, row, prev2
	}
	return int(prev[len(b)])
}
