package tray

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray/menu"
)

// A pending command was asked for and has not shown a result yet; its row says so.
type pending struct {
	seq      int
	kind     menu.Kind
	version  uint64    // of the server's status when it was asked for
	returned time.Time // when the command ended well; zero before
	unseen   bool      // the server's status will not change by it
}

// A result is how a command ended.
type result struct {
	seq    int
	kind   menu.Kind
	server string // "" for an action of none
	err    error
}

// clicked acts on a click. What is done is what the slot showed, not what it
// may show by now.
func (t *Tray) clicked(ctx context.Context, id menu.ID) {
	a := t.shown.At(id).Action
	if a.IsZero() {
		return // hidden since; what it belonged to is gone
	}
	switch b := t.slots[id]; {
	case b.since.IsZero():
	case b.own && time.Since(b.since) < doubleClick:
		return
	case !b.own && time.Since(b.since) < staleFor:
		t.o.Notify("Nothing was done", "The menu had just changed. Please choose again.")
		return
	}
	t.log.Debug("click", "slot", id.String(), "server", a.Server)
	if do := t.handler(a); do != nil {
		do(ctx, a)
	}
}

// handler returns what carries out an action; nil if there is nothing.
func (t *Tray) handler(a menu.Action) func(context.Context, menu.Action) {
	switch a.Kind {
	case menu.Enable, menu.Disable, menu.EnableHour, menu.Restart, menu.Approve:
		return t.command
	case menu.Pause, menu.Resume, menu.Paste, menu.Mute, menu.Unmute, menu.NotifyOn, menu.NotifyOff, menu.Quiet, menu.Loud,
		menu.LoginOn, menu.LoginOff:
		return t.turn
	case menu.OpenPage, menu.Review, menu.Answer:
		return t.openPage
	case menu.OpenLog:
		return t.openLog
	case menu.EditConfig:
		return t.openConfig
	case menu.CopyURL:
		return t.copyURL
	case menu.Pick:
		return t.pick
	case menu.Quit:
		return t.quit
	}
	return nil
}

// command starts a command of a server and marks the server's row.
func (t *Tray) command(ctx context.Context, a menu.Action) {
	st, _ := t.o.View.GetServer(a.Server)
	t.seq++
	seq := t.seq
	t.pending[a.Server] = pending{seq: seq, kind: a.Kind, version: st.Version, unseen: a.Kind == menu.Enable && st.Enabled}
	t.asked[a.Server] = a.Kind
	t.work.Go(func() {
		err := t.call(ctx, a)
		if err != nil && ctx.Err() == nil {
			t.o.Notify("Could not "+verb(a.Kind)+" "+menu.Label(a.Server), t.explain(err, a.Server))
		}
		select {
		case t.results <- result{seq, a.Kind, a.Server, err}:
		case <-ctx.Done():
		}
	})
}

func (t *Tray) call(ctx context.Context, a menu.Action) error {
	switch a.Kind {
	case menu.Enable:
		return t.o.Commands.SetEnabled(ctx, a.Server, true)
	case menu.Disable:
		return t.o.Commands.SetEnabled(ctx, a.Server, false)
	case menu.EnableHour:
		return t.o.Commands.EnableFor(ctx, a.Server, time.Hour)
	case menu.Restart:
		return t.o.Commands.Restart(ctx, a.Server)
	default:
		return t.o.Commands.Approve(ctx, a.Server, a.LaunchID)
	}
}

// explained is an error that knows what to tell people.
type explained interface {
	error
	Problem() stateview.Problem
}

func (t *Tray) explain(err error, server string) string {
	t.log.Error("command failed", "server", server, "err", err)
	if e, ok := errors.AsType[explained](err); ok && e.Problem().Text != "" {
		p := e.Problem()
		if p.Hint != "" {
			return p.Text + " " + p.Hint
		}
		return p.Text
	}
	return "Something went wrong. The program's log says what."
}

// finished notes that a command ended.
func (t *Tray) finished(r result) {
	if r.err != nil && t.asked[r.server] == r.kind {
		delete(t.asked, r.server) // nothing will follow from it
	}
	if r.server == "" {
		if t.busy[r.kind] == r.seq {
			delete(t.busy, r.kind)
		}
		return
	}
	p, ok := t.pending[r.server]
	if !ok || p.seq != r.seq {
		return // another command followed
	}
	if r.err != nil {
		delete(t.pending, r.server)
		return
	}
	p.returned = time.Now()
	t.pending[r.server] = p
}

// settle forgets the pending commands whose effect s shows.
func (t *Tray) settle(s *stateview.Snapshot) {
	for name, p := range t.pending {
		st, ok := s.GetServer(name)
		ended := !p.returned.IsZero()
		if !ok || ended && (p.unseen || st.Version != p.version || time.Since(p.returned) >= pendingFor) {
			delete(t.pending, name)
		}
	}
}

// expiry returns how long until the next pending command is forgotten or the
// quiet ends; 0 if there is none to wait for.
func (t *Tray) expiry() time.Duration {
	var next time.Duration
	if !t.news.quietUntil.IsZero() {
		next = max(time.Until(t.news.quietUntil), 1)
	}
	for _, p := range t.pending {
		if p.returned.IsZero() {
			continue
		}
		if d := max(pendingFor-time.Since(p.returned), 1); next == 0 || d < next {
			next = d
		}
	}
	return next
}

func (t *Tray) openLog(_ context.Context, a menu.Action) {
	t.work.Go(func() {
		if err := t.o.Desktop.OpenFile(t.o.LogFile(a.Server)); err != nil {
			t.o.Notify("Could not open the log of "+menu.Label(a.Server), sentence(err))
		}
	})
}

func (t *Tray) openConfig(context.Context, menu.Action) {
	t.work.Go(func() {
		if err := t.o.Desktop.OpenFile(t.o.Config); err != nil {
			t.o.Notify("Could not open the configuration", sentence(err))
		}
	})
}

// sentence makes a sentence of an error that is worded for people.
func sentence(err error) string {
	r, n := utf8.DecodeRuneInString(err.Error())
	return string(unicode.ToUpper(r)) + err.Error()[n:] + "."
}

func (t *Tray) copyURL(_ context.Context, a menu.Action) {
	t.work.Go(func() {
		link := t.o.URL()
		if a.Server != "" {
			link += "/server/" + url.PathEscape(a.Server)
		}
		if err := t.o.Desktop.CopyText(link); err != nil {
			t.o.Notify("Could not copy "+link, sentence(err))
			return
		}
		t.o.Notify("Copied", link)
	})
}

func (t *Tray) quit(context.Context, menu.Action) {
	t.quitting = true
	t.o.Quit()
}

// pick gives a server of a page a row of its own.
func (t *Tray) pick(_ context.Context, a menu.Action) {
	t.picked = slices.DeleteFunc(t.picked, func(name string) bool { return name == a.Server })
	t.picked = slices.Insert(t.picked, 0, a.Server)
	t.picked = t.picked[:min(len(t.picked), menu.MaxPicked)]
}
