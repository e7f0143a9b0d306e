package stateview

import (
	"time"
	"unsafe"
)

// epoch is what replaced counts from; it has a monotonic reading.
var epoch = time.Now()

// Age returns for how long there has been a newer snapshot: how old what s shows
// has become. It is 0 while s is the current one, and in a view that nobody times.
func (s *ServerStatusSnapshot) Age() time.Duration {
	if at := s.replaced.Load(); at != 0 {
		return time.Since(epoch) - time.Duration(at)
	}
	return 0
}

// A Size is how much a snapshot holds.
type Size struct {
	Tools int // of all servers, held ones included
	Held  int // tools that wait for an approval
	Bytes int // of memory, about
}

// Size adds up what the snapshot holds. The bytes leave out the short texts of each
// server, and much of them is shared with other snapshots. It takes time for each server and for each prompt and resource, not for each tool.
func (s *ServerStatusSnapshot) Size() Size {
	z := Size{Bytes: int(unsafe.Sizeof(*s)) + len(s.chunks)*int(unsafe.Sizeof(s.chunks[0])+unsafe.Sizeof(chunk{}))}
	if s.names != nil {
		z.Bytes += len(s.names.cells) * int(unsafe.Sizeof(cell{}))
	}
	for _, c := range s.chunks {
		for _, st := range c {
			if st == nil {
				break
			}
			z.Tools += st.Tools.Len()
			z.Held += st.Tools.Held()
			z.Bytes += int(unsafe.Sizeof(*st)) + len(st.Name) + st.Tools.size() + st.Offer().size()
		}
	}
	return z
}

func (l ToolList) size() int {
	if l.list == nil {
		return 0
	}
	return l.list.bytes + len(l.list.tools)*int(unsafe.Sizeof(Tool{}))
}

func (o Offer) size() int {
	n := len(o.Info) + len(o.Capabilities) + len(o.Instructions)
	for _, l := range []ItemList{o.Prompts, o.Resources, o.Templates} {
		for it := range l.All() {
			n += len(it.Key) + len(it.Definition) + int(unsafe.Sizeof(it))
		}
	}
	return n
}
