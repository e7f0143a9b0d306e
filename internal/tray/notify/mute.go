package notify

import (
	"slices"
	"time"

	"mcpproxy-tray/internal/keep"
)

// Mutes is what the user does not want to be notified of. It is remembered over
// restarts. Its methods may be called concurrently; a change returns an error,
// worded for people, if it could not be saved, and holds all the same until the
// program ends.
type Mutes struct {
	kept *keep.Value[kept]
}

// kept is the file.
type kept struct {
	Off        bool      `json:"off,omitempty"`
	QuietUntil time.Time `json:"quiet_until,omitzero"`
	Muted      []string  `json:"muted,omitempty"` // sorted
}

// OpenMutes returns what is remembered in the file at path, which need not exist.
func OpenMutes(path string) *Mutes { return &Mutes{keep.Open[kept](path)} }

// SetOn switches all notifications on or off. On ends a quiet time, too.
func (m *Mutes) SetOn(on bool) error {
	return m.kept.Change(func(k kept) (kept, bool) {
		same := k.Off == !on && k.QuietUntil.IsZero()
		k.Off, k.QuietUntil = !on, time.Time{}
		return k, !same
	})
}

// QuietUntil keeps quiet until a time; the zero time ends that.
func (m *Mutes) QuietUntil(t time.Time) error {
	return m.kept.Change(func(k kept) (kept, bool) {
		same := k.QuietUntil.Equal(t)
		k.QuietUntil = t.Round(0) // by the clock on the wall, as after a restart
		return k, !same
	})
}

// MuteServer keeps quiet about a server, or no longer.
func (m *Mutes) MuteServer(name string, on bool) error {
	return m.kept.Change(func(k kept) (kept, bool) {
		i, found := slices.BinarySearch(k.Muted, name)
		switch {
		case found == on:
			return k, false
		case on:
			k.Muted = slices.Insert(slices.Clone(k.Muted), i, name)
		default:
			k.Muted = slices.Delete(slices.Clone(k.Muted), i, i+1)
		}
		return k, true
	})
}

// State returns whether notifications are on, until when they are quiet all the
// same (a time that may be past, or zero), and the servers that are muted,
// sorted. The caller must not change muted.
func (m *Mutes) State() (on bool, quietUntil time.Time, muted []string) {
	k := m.kept.Load()
	return !k.Off, k.QuietUntil, k.Muted
}

// Changed is closed at the next change. Who asks for it before State misses nothing.
func (m *Mutes) Changed() <-chan struct{} { return m.kept.Changed() }
