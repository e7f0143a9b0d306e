package stateview

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// A referenceView is the earlier design, to measure against: one map behind an
// atomic.Value, of which every update makes a deep copy, tools included.
type referenceView struct {
	cur atomic.Value // map[string]*referenceStatus
	mu  sync.Mutex
}

type referenceStatus struct {
	ServerStatus
	tools []referenceTool
}

type referenceTool struct {
	Name, Definition string
	Held             bool
	Annotations      map[string]string // nil; as there
}

func newReferenceView(s *Snapshot) *referenceView {
	m := make(map[string]*referenceStatus)
	for st := range s.Servers() {
		r := &referenceStatus{ServerStatus: st}
		for t := range st.Tools.All() {
			r.tools = append(r.tools, referenceTool{Name: t.Name, Definition: t.Definition, Held: t.Held})
		}
		m[st.Name] = r
	}
	v := &referenceView{}
	v.cur.Store(m)
	return v
}

func (v *referenceView) snapshot() map[string]*referenceStatus {
	return v.cur.Load().(map[string]*referenceStatus)
}

func (v *referenceView) getAll() []*referenceStatus {
	return slices.Collect(maps.Values(v.snapshot()))
}

func (v *referenceView) update(name string, fn func(*ServerStatus)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := v.snapshot()
	next := make(map[string]*referenceStatus, len(old))
	for k, st := range old {
		c := *st
		c.tools = make([]referenceTool, len(st.tools))
		for i, t := range st.tools {
			c.tools[i] = t
			c.tools[i].Annotations = maps.Clone(t.Annotations)
		}
		next[k] = &c
	}
	fn(&next[name].ServerStatus)
	v.cur.Store(next)
}
