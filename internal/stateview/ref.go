package stateview

// A Ref reads one server in many snapshots without looking its name up each
// time. It remembers the status it found and where that stands: the next read of
// the same snapshot finds it again at once, one of another snapshot looks in the
// same place, and only one of a snapshot with other names looks the name up. It
// is for loops that cannot spare what GetServer costs. View.Ref makes one.
//
// Copies are independent. A Ref must not be used by two goroutines at once. It
// keeps the snapshot that it last read from being collected.
type Ref struct {
	name string
	snap *ServerStatusSnapshot // last read; nil before the first
	slot uint                  // in snap; noSlot if the name is not there
	st   *ServerStatus         // in snap; &absent if it is not there
}

// Ref returns a reference to the server of that name, which need not exist (yet).
func (v *View) Ref(name string) Ref {
	r := Ref{name: name, slot: noSlot, st: &absent}
	r.find(v.Snapshot())
	return r
}

// Name returns the name that the reference was made with.
func (r *Ref) Name() string { return r.name }

// Version, State and Tools are short enough for the compiler to inline.

// Version returns the server's version in a snapshot; 0 if s has no such server.
func (r *Ref) Version(s *ServerStatusSnapshot) uint64 {
	if r.snap != s {
		r.find(s)
	}
	return r.st.Version
}

// State returns the server's state in a snapshot; Disabled if s has no such server.
func (r *Ref) State(s *ServerStatusSnapshot) State {
	if r.snap != s {
		r.find(s)
	}
	return r.st.State
}

// Tools returns the server's tools in a snapshot; none if s has no such server.
func (r *Ref) Tools(s *ServerStatusSnapshot) ToolList {
	if r.snap != s {
		r.find(s)
	}
	return r.st.Tools
}

// Status returns the server's whole status in a snapshot; ok is false if s has
// no such server. Copying it costs several times what the other methods cost.
func (r *Ref) Status(s *ServerStatusSnapshot) (ServerStatus, bool) {
	if r.snap != s {
		r.find(s)
	}
	return *r.st, r.st != &absent
}

// find sets r to where the server is in a snapshot.
func (r *Ref) find(s *ServerStatusSnapshot) {
	switch {
	case r.snap == nil || r.snap.names != s.names:
		r.st, r.slot = s.find(r.name)
	case r.slot != noSlot:
		r.st = s.at(r.slot)
	}
	r.snap = s
}
