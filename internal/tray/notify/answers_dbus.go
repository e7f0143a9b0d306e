//go:build !windows && !darwin

package notify

import (
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// A ledger is the notes that a daemon shows, so far as is known. Its methods may
// be called concurrently.
type ledger struct {
	mu    sync.Mutex // guards what follows
	owner string     // unique name of the daemon that gave the ids; empty before the first
	shown []shown    // oldest first
}

type shown struct {
	id    uint32
	note  Note
	token string // that came for the next action
}

// follow forgets the notes of another daemon: to a new one their ids may be
// somebody else's notifications.
func (l *ledger) follow(owner string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if owner != l.owner {
		l.owner, l.shown = owner, nil
	}
}

// id returns that of the note to replace, or 0.
func (l *ledger) id(tag string) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.IndexFunc(l.shown, func(s shown) bool { return s.note.Tag == tag }); i >= 0 {
		return l.shown[i].id
	}
	return 0
}

func (l *ledger) add(id uint32, n Note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown = slices.DeleteFunc(l.shown, func(s shown) bool { return s.note.Tag == n.Tag || s.id == id })
	l.shown = append(l.shown, shown{id: id, note: n})
	if over := len(l.shown) - maxTags; over > 0 {
		l.shown = slices.Delete(l.shown, 0, over)
	}
}

// find returns a note that sender shows, or nil. The caller holds mu.
func (l *ledger) find(sender string, id uint32) *shown {
	i := slices.IndexFunc(l.shown, func(s shown) bool { return s.id == id })
	if sender == "" || sender != l.owner || i < 0 {
		return nil
	}
	return &l.shown[i]
}

func (l *ledger) close(sender string, id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.find(sender, id) != nil {
		l.shown = slices.DeleteFunc(l.shown, func(s shown) bool { return s.id == id })
	}
}

func (l *ledger) bring(sender string, id uint32, token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.find(sender, id); s != nil {
		s.token = token
	}
}

// answer takes what was asked for with a note, which has only one answer.
func (l *ledger) answer(sender string, id uint32, key string) (inv Invoked, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.find(sender, id)
	if s == nil {
		return inv, false
	}
	i := slices.IndexFunc(s.note.Actions, func(a Action) bool { return keys[a] == key })
	if i < 0 {
		return inv, false
	}
	inv = Invoked{Action: s.note.Actions[i], Tag: s.note.Tag, Server: s.note.Server, Token: s.token}
	s.note.Actions, s.token = nil, ""
	return inv, true
}

// answers takes the daemon's signals from the connection's reader. Anybody on the
// bus may send some, so all that does not fit is ignored.
type answers struct {
	shown   *ledger
	invoked func(Invoked)
	back    chan<- struct{} // has one slot
}

// DeliverSignal is called by the connection's reader.
func (a answers) DeliverSignal(iface, member string, s *dbus.Signal) {
	if iface == busName && member == ownerChanged && s.Sender == busName {
		a.changed(s)
		return
	}
	if iface != daemonName || s.Path != daemonPath || len(s.Body) != 2 {
		return
	}
	id, ok := s.Body[0].(uint32)
	if !ok {
		return
	}
	text, isText := s.Body[1].(string)
	switch {
	case member == "NotificationClosed":
		a.shown.close(s.Sender, id)
	case member == "ActivationToken" && isText && len(text) <= maxToken && strings.IndexFunc(text, unprintable) < 0:
		a.shown.bring(s.Sender, id, text)
	case member == "ActionInvoked" && isText:
		if inv, ok := a.shown.answer(s.Sender, id, text); ok && a.invoked != nil {
			a.invoked(inv)
		}
	}
}

// changed says that the daemon's name has an owner again.
func (a answers) changed(s *dbus.Signal) {
	var name, old, owner string
	if dbus.Store(s.Body, &name, &old, &owner) != nil || name != daemonName || owner == "" {
		return
	}
	select {
	case a.back <- struct{}{}:
	default:
	}
}

// unprintable reports what no token has, and what could not be in an environment.
func unprintable(r rune) bool { return r <= ' ' || r > '~' }
