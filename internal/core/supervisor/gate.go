package supervisor

import (
	"context"
	"time"

	"mcpproxy-tray/internal/core/approval"
	"mcpproxy-tray/internal/stateview"
)

// What is known of the approvals of one server's tools. The zero value is nothing.
type toolBook struct {
	approved map[approval.ToolID]bool
	first    []approval.FirstList
}

func (l *loop) book(server string) *toolBook {
	b := l.tools[server]
	if b == nil {
		b = &toolBook{approved: map[approval.ToolID]bool{}}
		l.tools[server] = b
	}
	return b
}

// identify returns what the tools of a list are to approvals.
func identify(list stateview.ToolList) []approval.ToolID {
	ids := make([]approval.ToolID, 0, list.Len())
	for t := range list.All() {
		hash, err := approval.ToolHash([]byte(t.Definition))
		if err != nil {
			hash = "" // held: there is nothing that an approval could name
		}
		ids = append(ids, approval.ToolID{Name: t.Name, Hash: hash})
	}
	return ids
}

// gate publishes a server's tools, those held that nobody has approved.
func (l *loop) gate(s *server) {
	g := l.goals[s.status.Name]
	if g != nil && !g.quarantine {
		s.status.Tools = s.list.tools
		return
	}
	held := approval.HeldTools(true, l.book(s.status.Name).approved, s.ids())
	tools := make([]stateview.Tool, 0, len(held))
	some := false
	for t := range s.list.tools.All() {
		if i := len(tools); held[i] {
			t.Held, t.Hash, some = true, s.list.ids[i].Hash, true
		}
		tools = append(tools, t)
	}
	if s.status.Tools = s.list.tools; some {
		s.status.Tools = stateview.NewToolList(tools)
	}
}

// ids returns what the newest list is to approvals. A runner has found that out
// already, unless quarantine was off then.
func (s *server) ids() []approval.ToolID {
	if s.list.ids == nil {
		s.list.ids = identify(s.list.tools)
	}
	return s.list.ids
}

// regate decides anew about the tools of a server that is connected.
func (l *loop) regate(name string) {
	s := l.servers[name]
	if s == nil || s.state != stateview.Connected {
		return
	}
	s.first = l.takesFirst(s)
	l.gate(s)
	l.touch(name)
}

// takesFirst reports whether what a server's session has listed counts as approved with its launch.
func (l *loop) takesFirst(s *server) bool {
	g := l.goals[s.status.Name]
	return g != nil && g.rest == stateview.Connected && !g.changes(&s.fact) &&
		approval.TakesFirst(g.quarantine, g.launch.ID, l.records[g.srv.Name], l.book(g.srv.Name).first)
}

// take saves a first list beside the loop, which is told by tookFirst. Until then its
// tools are held, or, before any was shown, the server is not yet connected.
func (l *loop) take(ctx context.Context, s *server, g *wanted) {
	s.first = false
	if s.taking {
		return
	}
	s.taking = true
	now := time.Now().Round(0)
	m := tookFirst{first: approval.FirstList{Server: g.srv.Name, LaunchID: g.launch.ID, At: now}}
	ids, i := s.ids(), 0
	for t := range s.list.tools.All() {
		if ids[i].Hash != "" {
			m.records = append(m.records, approval.ToolRecord{Server: g.srv.Name, ToolID: ids[i], Definition: t.Definition, At: now, By: "with the server"})
		}
		i++
	}
	l.runners.Go(func() {
		if m.err = l.reserve(ctx); m.err == nil {
			m.err = l.approvals.TakeFirst(m.first, m.records)
			<-l.deciding
		}
		l.inbox.put(m)
	})
}

// tookFirst shows the tools of a first list that is durable; one that is not stays held.
func (l *loop) tookFirst(m tookFirst) {
	name := m.first.Server
	if m.err != nil {
		l.log.Error("first list of tools not saved, so they are held", "server", name, "err", m.err)
	} else {
		b := l.book(name)
		b.first = append(b.first, m.first)
		for _, r := range m.records {
			b.approved[r.ToolID] = true
		}
	}
	s := l.servers[name]
	if s == nil {
		return
	}
	s.taking = false
	l.touch(name)
	switch {
	case m.err == nil && (s.pending != nil || s.state == stateview.Connected) && l.takesFirst(s):
		s.first = true // of another launch by now
	case s.pending != nil:
		l.open(s)
	case s.state == stateview.Connected:
		l.gate(s)
	}
}

// checkTools returns the definitions of tools that are to be approved as they are now.
func (l *loop) checkTools(name string, ids []approval.ToolID) (definitions []string, err error) {
	s := l.servers[name]
	switch {
	case s == nil:
		return nil, ErrUnknownServer
	case s.state != stateview.Connected:
		return nil, s.stateError()
	}
	at := map[string]int{}
	for i, id := range s.ids() {
		at[id.Name] = i
	}
	for _, id := range ids {
		i, ok := at[id.Name]
		switch {
		case !ok:
			return nil, ErrUnknownTool
		case id.Hash == "" || s.list.ids[i] != id:
			return nil, ErrStaleTool
		}
		definitions = append(definitions, s.list.tools.At(i).Definition)
	}
	return definitions, nil
}

func (l *loop) toolsApproved(m toolsApproved) {
	b := l.book(m.server)
	for _, id := range m.ids {
		b.approved[id] = true
	}
	l.regate(m.server)
	l.answer(m.reply, nil)
}
