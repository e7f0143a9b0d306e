package stateview

import "fmt"

// A Batch collects changes that are published as one snapshot. It is for one
// goroutine, and valid only during the call of View.Update that made it:
// using it later panics.
type Batch struct {
	base    *ServerStatusSnapshot
	changes map[string]*ServerStatus // nil removes
	done    bool
}

// UpdateServer changes one server; see View.UpdateServer.
func (b *Batch) UpdateServer(name string, fn func(*ServerStatus)) {
	cur := b.current(name)
	if st := edit(name, cur, b.base.seq+1, fn); st != cur {
		b.change(name, st)
	}
}

// RemoveServer removes one server; a name that is not there changes nothing.
func (b *Batch) RemoveServer(name string) {
	if b.current(name) != nil {
		b.change(name, nil)
	}
}

// current returns the server as the changes so far have made it, or nil.
func (b *Batch) current(name string) *ServerStatus {
	if b.done {
		panic("stateview: a Batch was used after its Update returned")
	}
	if st, ok := b.changes[name]; ok {
		return st
	}
	return b.published(name)
}

// published returns the server as it is in the base, or nil.
func (b *Batch) published(name string) *ServerStatus {
	if st, slot := b.base.find(name); slot != noSlot {
		return st
	}
	return nil
}

func (b *Batch) change(name string, st *ServerStatus) {
	if b.changes == nil {
		b.changes = make(map[string]*ServerStatus)
	}
	b.changes[name] = st
}

// apply returns the successor of the base that has the changes, or nil if they
// come to nothing.
func (b *Batch) apply() *ServerStatusSnapshot {
	sameNames := true
	for name, st := range b.changes {
		old := b.published(name)
		switch {
		case old == nil && st == nil, old != nil && st != nil && same(old, st):
			delete(b.changes, name)
		case old == nil || st == nil:
			sameNames = false
		}
	}
	if len(b.changes) == 0 {
		return nil
	}
	if !sameNames {
		return b.base.rebuild(b.changes)
	}
	next := b.base.successor()
	for name, st := range b.changes {
		_, slot := b.base.find(name)
		next.put(b.base, slot, st)
	}
	return next
}

// edit returns what fn makes of a server's status, or cur itself if that says
// the same. cur is nil for a new server. What fn got is not what is returned, so
// a pointer that fn keeps leads nowhere.
func edit(name string, cur *ServerStatus, seq uint64, fn func(*ServerStatus)) *ServerStatus {
	draft := &ServerStatus{Name: name}
	if cur != nil {
		*draft = *cur
	}
	fn(draft)
	draft.Name, draft.Version = name, seq
	if int(draft.State) >= NumStates {
		panic(fmt.Sprintf("stateview: server %q was given the unknown %v", name, draft.State))
	}
	if cur != nil && same(cur, draft) {
		return cur
	}
	st := *draft
	return &st
}
