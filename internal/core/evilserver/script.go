//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
)

// A step is one misdeed with its argument and moment.
type step struct {
	misdeed
	value string
	when  moment
}

// A moment says at which messages a misdeed happens.
type moment struct {
	what string // "start", "message", a method, or what HTTP calls the request
	nth  int    // 0: at each
	on   bool   // and at all after the nth
	odds int    // one in so many; 0: always
}

// due reports whether the moment has come with the nth message of its kind.
func (m moment) due(n int, roll func(int) int) bool {
	switch {
	case m.odds > 0:
		return roll(m.odds) == 0
	case m.nth == 0, n == m.nth:
		return true
	}
	return m.on && n > m.nth
}

func (m moment) String() string {
	text := m.what
	if m.nth > 0 {
		text += ":" + strconv.Itoa(m.nth)
	}
	if m.on {
		text += "+"
	}
	if m.odds > 0 {
		text += "~" + strconv.Itoa(m.odds)
	}
	return text
}

func parseScript(text string) ([]step, error) {
	var steps []step
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		deed, when, timed := strings.Cut(part, "@")
		name, value, _ := strings.Cut(deed, "=")
		m, ok := lookUp(name)
		if !ok {
			return nil, fmt.Errorf("there is no misdeed %q; see --help", name)
		}
		if !timed {
			when = m.moment
		}
		at, err := parseMoment(when)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part, err)
		}
		steps = append(steps, step{m, value, at})
	}
	return steps, nil
}

func parseMoment(text string) (m moment, err error) {
	if what, odds, ok := strings.Cut(text, "~"); ok {
		text = what
		if m.odds, err = strconv.Atoi(odds); err != nil || m.odds < 1 {
			return m, fmt.Errorf("%q is no chance", odds)
		}
	}
	if what, nth, ok := strings.Cut(text, ":"); ok {
		text = what
		nth, m.on = strings.CutSuffix(nth, "+")
		if m.nth, err = strconv.Atoi(nth); err != nil || m.nth < 1 {
			return m, fmt.Errorf("%q is no number of a message", nth)
		}
	}
	if m.what = text; text == "call" {
		m.what = "tools/call"
	}
	return m, nil
}

func lookUp(name string) (misdeed, bool) {
	for _, m := range misdeeds() {
		if m.name == name {
			return m, true
		}
	}
	return misdeed{}, false
}

// A calendar knows which steps are due. Its methods may be called concurrently.
type calendar struct {
	mu    sync.Mutex // guards all below
	steps []step
	seen  map[string]int
	dice  *rand.Rand
}

func newCalendar(steps []step, seed uint64) *calendar {
	return &calendar{steps: steps, seen: map[string]int{}, dice: rand.New(rand.NewPCG(seed, 0))}
}

func (c *calendar) add(steps []step) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, steps...)
}

// due counts a message of a kind and returns what is to happen.
func (c *calendar) due(kind string) []step {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[kind]++
	if kind != "start" {
		c.seen["message"]++
	}
	var list []step
	for _, s := range c.steps {
		if (s.when.what == kind || s.when.what == "message" && kind != "start") && s.when.due(c.seen[s.when.what], c.dice.IntN) {
			list = append(list, s)
		}
	}
	return list
}
