package main

import (
	"context"
	"sync"
	"time"
)

// A program is all that the menu switches beside servers.
type program struct {
	say func(format string, args ...any)

	mu      sync.Mutex // guards what follows
	paused  bool
	login   bool
	off     bool
	changed chan struct{}
}

func (p *program) turn(flag *bool, on bool, name string) error {
	p.mu.Lock()
	*flag = on
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	p.say("%s %v", name, on)
	return nil
}

func (p *program) Switches() (bool, map[string]time.Time, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused, nil, p.changed
}

func (p *program) SetPaused(_ context.Context, on bool) error {
	return p.turn(&p.paused, on, "paused")
}

func (p *program) AddText(context.Context, string) ([]string, error) { return nil, nil }

func (p *program) State() (bool, time.Time, []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.off, time.Time{}, nil
}

func (p *program) Changed() <-chan struct{} {
	_, _, changed := p.Switches()
	return changed
}

func (p *program) SetOn(on bool) error           { return p.turn(&p.off, !on, "notifications off") }
func (p *program) QuietUntil(time.Time) error    { return nil }
func (p *program) MuteServer(string, bool) error { return nil }

// A login is the program's start at login.
type login struct{ *program }

func (l login) Enabled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.login
}

func (l login) SetEnabled(on bool) error { return l.turn(&l.login, on, "login") }
