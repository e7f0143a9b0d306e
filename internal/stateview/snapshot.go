package stateview

import (
	"iter"
	"slices"
	"strings"
	"sync/atomic"
)

// A ServerStatusSnapshot is an immutable view of all servers at one moment.
// Its methods never block. The zero value is a snapshot of no servers.
//
// The servers stand in name order in chunks. A snapshot shares with the one
// before it every chunk in which nothing changed, and the index from names to
// slots as long as the set of names is the same.
type ServerStatusSnapshot struct {
	seq     uint64
	names   *nameIndex
	chunks  []*chunk
	counts  [NumStates]int
	changed atomic.Pointer[chan struct{}] // see Changed

	replaced atomic.Int64 // when a newer one became current, in nanoseconds since epoch; 0 before, and in a view that nobody times
}

// Snapshot is the short name of ServerStatusSnapshot.
type Snapshot = ServerStatusSnapshot

// chunkSize is the number of servers in a chunk. An update copies one chunk
// and one pointer per chunk, which is least when both are alike: 64 costs 512
// bytes and, at 10,000 servers, 157 pointers.
const chunkSize = 64

// A chunk holds the servers of chunkSize neighbouring slots; behind the last
// server there is nil. Neither a chunk nor what it points to changes once the
// snapshot it was made for is published.
type chunk [chunkSize]*ServerStatus

// at returns the server in a slot, which must exist.
func (s *ServerStatusSnapshot) at(slot uint) *ServerStatus {
	return s.chunks[slot/chunkSize][slot%chunkSize]
}

// Seq returns the snapshot's version: 0 for the empty first one, then one more per publish.
func (s *ServerStatusSnapshot) Seq() uint64 { return s.seq }

// GetServer returns the status of a server; ok is false if there is none of that name.
func (s *ServerStatusSnapshot) GetServer(name string) (ServerStatus, bool) {
	st, _ := s.find(name)
	return *st, st != &absent // without named results, which would be cleared first
}

// GetAll returns the status of all servers, in name order. The caller owns the slice.
func (s *ServerStatusSnapshot) GetAll() []ServerStatus {
	return slices.AppendSeq(make([]ServerStatus, 0, s.Count()), s.Servers())
}

// Servers yields the status of all servers, in name order.
func (s *ServerStatusSnapshot) Servers() iter.Seq[ServerStatus] {
	return func(yield func(ServerStatus) bool) {
		for _, c := range s.chunks {
			for _, st := range c {
				if st == nil || !yield(*st) {
					return
				}
			}
		}
	}
}

// Count returns how many servers there are.
func (s *ServerStatusSnapshot) Count() int {
	n := 0
	for _, c := range s.counts {
		n += c
	}
	return n
}

// CountByState returns how many servers are in a state.
func (s *ServerStatusSnapshot) CountByState(state State) int {
	if int(state) >= NumStates {
		return 0
	}
	return s.counts[state]
}

// CountConnected returns how many servers are connected.
func (s *ServerStatusSnapshot) CountConnected() int { return s.counts[Connected] }

// successor returns a snapshot like s that comes after it, to be changed with
// put before it is published.
func (s *ServerStatusSnapshot) successor() *ServerStatusSnapshot {
	return &ServerStatusSnapshot{seq: s.seq + 1, names: s.names, chunks: slices.Clone(s.chunks), counts: s.counts}
}

// put sets the server in a slot of s, an unpublished successor of base.
func (s *ServerStatusSnapshot) put(base *ServerStatusSnapshot, slot uint, st *ServerStatus) {
	i := slot / chunkSize
	if s.chunks[i] == base.chunks[i] {
		own := *base.chunks[i]
		s.chunks[i] = &own
	}
	at := &s.chunks[i][slot%chunkSize]
	s.counts[(*at).State]--
	s.counts[st.State]++
	*at = st
}

// rebuild returns a successor of s with other names: each server in changes
// replaces the one of its name, or is added; nil removes the server.
func (s *ServerStatusSnapshot) rebuild(changes map[string]*ServerStatus) *ServerStatusSnapshot {
	all := make([]*ServerStatus, 0, s.Count()+len(changes))
	for _, c := range s.chunks {
		for _, st := range c {
			if st == nil {
				break
			}
			if _, ok := changes[st.Name]; !ok {
				all = append(all, st)
			}
		}
	}
	for _, st := range changes {
		if st != nil {
			all = append(all, st)
		}
	}
	slices.SortFunc(all, func(a, b *ServerStatus) int { return strings.Compare(a.Name, b.Name) })

	next := &ServerStatusSnapshot{seq: s.seq + 1, names: newNameIndex(all)}
	for _, st := range all {
		next.counts[st.State]++
	}
	for part := range slices.Chunk(all, chunkSize) {
		c := new(chunk)
		copy(c[:], part)
		if i := len(next.chunks); i < len(s.chunks) && *s.chunks[i] == *c {
			c = s.chunks[i]
		}
		next.chunks = append(next.chunks, c)
	}
	return next
}
