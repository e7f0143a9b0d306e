package metrics

import (
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// prefix begins the name of every metric.
const prefix = "mcpproxy_tray_"

// A Program is what is counted of the program. Use New to make one.
type Program struct {
	// Who reads snapshots.
	API      Consumer // requests of the API and the page
	Stream   Consumer // streams of events
	Menu     Consumer
	Notify   Consumer
	Endpoint Consumer // clients of /mcp

	// HistoryDropped returns how much was not kept on disk; nil: nothing. It is set before use.
	HistoryDropped func() uint64

	view    *stateview.View
	version string
	began   time.Time
	servers servers

	publish, event histogram
	call           histogram
	open           atomic.Int64
	shown, unshown atomic.Uint64
}

// New returns the counts of a program that begins now, and has the view tell of its
// publishes; see stateview.View.OnPublish.
func New(view *stateview.View, version string) *Program {
	p := &Program{view: view, version: version, began: time.Now(), servers: servers{view: view}}
	p.API.name, p.Stream.name, p.Menu.name, p.Notify.name, p.Endpoint.name = "api", "sse", "menu", "notify", "mcp"
	view.OnPublish(func(_ *stateview.Snapshot, took time.Duration) { p.publish.observe(took) })
	return p
}

// Event says how long the first of some messages had waited when what they changed was published.
func (p *Program) Event(waited time.Duration) { p.event.observe(waited) }

// Notified says that a notification was shown, or that it could not be.
func (p *Program) Notified(shown bool) {
	if shown {
		p.shown.Add(1)
	} else {
		p.unshown.Add(1)
	}
}

func (p *Program) consumers() []*Consumer {
	return []*Consumer{&p.API, &p.Stream, &p.Menu, &p.Notify, &p.Endpoint}
}

// Write writes all metrics as of now; docs/metrics.md tells what they mean.
func (p *Program) Write(w io.Writer) error {
	t := &text{}
	p.about(t)
	snap := p.view.Snapshot()
	p.snapshot(t, snap)
	p.reading(t)
	p.perServer(t, snap)
	p.calls(t)
	memory(t)
	_, err := w.Write(t.b)
	return err
}

func (p *Program) about(t *text) {
	t.family("info", gauge, "The program; always 1.")
	t.count(1, "version", p.version, "go", runtime.Version(), "os", runtime.GOOS, "arch", runtime.GOARCH)
	t.family("start_time_seconds", gauge, "When the program started, in seconds since 1970.")
	t.value(float64(p.began.UnixMilli()) / 1e3)
}

func (p *Program) snapshot(t *text, snap *stateview.Snapshot) {
	size := snap.Size()
	t.family("servers", gauge, "Servers in each state.")
	for i := range stateview.NumStates {
		st := stateview.State(i)
		t.count(uint64(snap.CountByState(st)), "state", st.String())
	}
	t.family("tools", gauge, "Tools of all servers, by whether clients may see them.")
	t.count(uint64(size.Tools-size.Held), "gate", "approved")
	t.count(uint64(size.Held), "gate", "held")
	t.family("snapshot_version", gauge, "Version of the newest snapshot; one more with each publish since the start.")
	t.count(snap.Seq())
	t.family("snapshot_bytes", gauge, "Memory of the newest snapshot, about.")
	t.count(uint64(size.Bytes))
	t.family("publish_seconds", histograms, "From the beginning of the writer's turn until a snapshot is announced.")
	t.histogram(&p.publish)
	t.family("event_seconds", histograms, "From the first message to the supervisor until what it changed is published.")
	t.histogram(&p.event)
}

func (p *Program) reading(t *text) {
	t.family("snapshot_reads_total", counts, "Pieces of work for which a snapshot was read.")
	for _, c := range p.consumers() {
		t.count(c.reads.load(), "consumer", c.name)
	}
	t.family("snapshot_subscribers", gauge, "Who follows the snapshots now.")
	for _, c := range p.consumers()[1:] {
		t.value(float64(c.following.Load()), "consumer", c.name)
	}
	t.family("snapshot_skipped_total", counts, "Versions that a subscriber did not look at because there was a newer one.")
	for _, c := range p.consumers()[1:] {
		t.count(c.skipped.load(), "consumer", c.name)
	}
	t.family("propagation_seconds", histograms, "From the publish that made what was shown untrue until the newest was shown or sent.")
	for _, c := range p.consumers()[1:] {
		t.histogram(&c.delay, "consumer", c.name)
	}
}

func (p *Program) perServer(t *text, snap *stateview.Snapshot) {
	p.servers.mu.Lock()
	p.servers.forget(snap)
	p.servers.mu.Unlock()
	each := func(write func(name string, s *server)) {
		for st := range snap.Servers() {
			if s, ok := p.servers.all.Load(st.Name); ok {
				write(st.Name, s.(*server))
			}
		}
	}
	t.family("server_up", gauge, "1 while the server is connected.")
	for st := range snap.Servers() {
		up := uint64(0)
		if st.State == stateview.Connected {
			up = 1
		}
		t.count(up, "server", st.Name)
	}
	t.family("calls_total", counts, "Requests of clients that were relayed to the server, by how they ended.")
	each(func(name string, s *server) {
		for r := range numResults {
			t.count(s.calls[r].Load(), "server", name, "result", r.String())
		}
	})
	t.family("restarts_total", counts, "Attempts to connect the server after the first.")
	each(func(name string, s *server) { t.count(s.restarts.Load(), "server", name) })
	t.family("failures_total", counts, "Times that the server was lost or an attempt to connect it failed.")
	each(func(name string, s *server) { t.count(s.failures.Load(), "server", name) })
}

func (p *Program) calls(t *text) {
	t.family("calls_open", gauge, "Requests of clients that wait for their server's answer.")
	t.value(float64(p.open.Load()))
	t.family("call_seconds", histograms, "How long requests of clients waited for their server's answer.")
	t.histogram(&p.call)
	t.family("notifications_total", counts, "Notifications that were handed to the desktop, by whether it took them.")
	t.count(p.shown.Load(), "result", "shown")
	t.count(p.unshown.Load(), "result", "failed")
	t.family("history_dropped_total", counts, "Calls and changes of servers' states that were not kept on disk.")
	if p.HistoryDropped == nil {
		t.count(0)
	} else {
		t.count(p.HistoryDropped())
	}
}
