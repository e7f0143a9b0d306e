package httpapi

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// readers follow the stream of events and tell when each change arrived.
type readers struct {
	began   []time.Time // of each change, before it is made
	server  string      // that changes; empty: one in the middle of a thousand
	arrived chan time.Duration
	done    sync.WaitGroup
}

// join has n more readers, which know the first snapshot.
func (rs *readers) join(t testing.TB, addr string, n int) {
	for range n {
		conn := dial(t, addr)
		r := bufio.NewReaderSize(follow(t, conn, addr), 64<<10)
		nextEvent(t, r)
		rs.done.Go(func() {
			for {
				line, err := r.ReadSlice('\n')
				if err != nil {
					return // the test is over
				}
				now := time.Now()
				if id, ok := strings.CutPrefix(string(line), "id: "); ok {
					i, err := strconv.Atoi(strings.TrimSpace(id))
					if err != nil {
						t.Errorf("id %q", id)
						return
					}
					rs.arrived <- now.Sub(rs.began[i])
				}
			}
		})
	}
}

// latencies changes the view n times, each time when everybody has the change
// before it, and returns how long each change took to each of that many readers, sorted.
func (rs *readers) latencies(t testing.TB, v *stateview.View, n, count int) []time.Duration {
	t.Helper()
	var all []time.Duration
	for range n {
		seq := int(v.Snapshot().Seq()) + 1
		rs.began[seq] = time.Now() // they read it when they have the id
		v.UpdateServer(cmp.Or(rs.server, "server-0500"), func(st *stateview.ServerStatus) { st.Attempt++ })
		for range count {
			select {
			case d := <-rs.arrived:
				all = append(all, d)
			case <-time.After(20 * time.Second):
				t.Fatalf("version %d did not reach everybody", seq)
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestEventReachesAHundredReaders: from the change until the client has read the bytes.
func TestEventReachesAHundredReaders(t *testing.T) {
	const crowd, changes = 100, 100
	v := crowdView(1000)
	_, _, addr := serve(t, func(o *Options) { o.View = v })
	rs := &readers{began: make([]time.Time, 25*changes), arrived: make(chan time.Duration, crowd)}
	rs.join(t, addr, crowd)
	limit := 5 * time.Millisecond * slower
	p99 := best(limit, func() time.Duration {
		all := rs.latencies(t, v, changes, crowd)
		t.Logf("NUMBER event to %d readers: p50 %v, p99 %v, worst %v", crowd, percentile(all, 50), percentile(all, 99), all[len(all)-1])
		return percentile(all, 99)
	})
	if p99 > limit {
		t.Errorf("p99 %v, want %v at most", p99, limit)
	}
}

// stuckConn opens a stream and never reads it; its socket takes next to nothing.
func stuckConn(t testing.TB, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1) }) // the least there is
	}}
	conn, err := d.DialContext(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, "GET /api/v1/events HTTP/1.1\r\nHost: "+addr+"\r\nAuthorization: Bearer "+adminToken+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// untaken is how many bytes all connections to addr have that their clients did not take.
func untaken(t testing.TB, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line) // proc_net_tcp.txt: local address in f[1], tx_queue:rx_queue in f[4]
		if !strings.HasSuffix(f[1], fmt.Sprintf(":%04X", n)) {
			continue
		}
		queue, _, _ := strings.Cut(f[4], ":")
		waits, err := strconv.ParseInt(queue, 16, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		sum += int(waits)
	}
	return sum
}

// inUse is what heap and stacks hold after what is garbage has gone.
func inUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// TestStuckReadersCostLittle has a thousand readers that never read, and more
// to send them than their sockets hold: a good reader beside them is as fast as
// before, and none of them costs more than 64 KB. Then they are cut.
func TestStuckReadersCostLittle(t *testing.T) {
	const stuck, changes = 1000, 200
	v := crowdView(1000) // its document is longer than a socket's buffers
	following := make(chan struct{}, 2*stuck)
	left := make(chan struct{}, 2*stuck)
	s, _, addr := serve(t, func(o *Options) {
		o.View = v
		o.Follow = func() (func(*stateview.Snapshot, bool), func()) {
			following <- struct{}{}
			return func(*stateview.Snapshot, bool) {}, func() { left <- struct{}{} }
		}
	})
	s.cache.servers(v.Snapshot()) // which all of them share
	rs := &readers{began: make([]time.Time, 25*changes), arrived: make(chan time.Duration, 1)}
	rs.join(t, addr, 1)
	<-following
	rs.latencies(t, v, changes, 1) // warm
	alone := percentile(rs.latencies(t, v, changes, 1), 99)

	before := inUse()
	for range stuck {
		stuckConn(t, addr)
	}
	for range stuck {
		<-following
	}
	limit := alone + time.Millisecond*slower
	p99 := best(limit, func() time.Duration { return percentile(rs.latencies(t, v, changes, 1), 99) })
	program, system := (inUse()-before)/stuck, untaken(t, addr)/stuck
	t.Logf("NUMBER one reader: p99 %v alone, %v beside %d that are stuck; each of those costs %d bytes of heap and stacks, and %d wait in its socket",
		alone, p99, stuck, program, system)
	if p99 > limit {
		t.Errorf("p99 %v, want %v at most", p99, limit)
	}
	most := 64 << 10
	if slower > 1 {
		most *= 2 // the race detector's stacks are larger
	}
	if system == 0 || program+2*system > most { // the system needs more than it keeps
		t.Errorf("a stuck reader costs %d bytes, and %d wait in its socket; want %d at most", program, system, most)
	}
	late := time.After(writeLimit + 20*time.Second)
	for i := range stuck {
		select {
		case <-left:
		case <-late:
			t.Fatalf("%d stuck readers are still there", stuck-i)
		}
	}
}

// TestReadersThatOnlyTakeInCostLittle: a thousand that never read, and whose sockets
// hold all that they are sent.
func TestReadersThatOnlyTakeInCostLittle(t *testing.T) {
	const idle, changes = 1000, 200
	v := crowdView(10)
	following := make(chan struct{}, 2*idle)
	_, _, addr := serve(t, func(o *Options) {
		o.View = v
		o.Follow = func() (func(*stateview.Snapshot, bool), func()) {
			following <- struct{}{}
			return func(*stateview.Snapshot, bool) {}, func() {}
		}
	})
	rs := &readers{began: make([]time.Time, 25*changes), arrived: make(chan time.Duration, 1), server: "server-0005"}
	rs.join(t, addr, 1)
	<-following
	rs.latencies(t, v, changes, 1) // warm
	alone := percentile(rs.latencies(t, v, changes, 1), 99)
	var last net.Conn
	for range idle {
		last = dial(t, addr)
		if _, err := io.WriteString(last, "GET /api/v1/events HTTP/1.0\r\nHost: "+addr+"\r\nAuthorization: Bearer "+adminToken+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	for range idle {
		<-following
	}
	limit := alone + time.Millisecond*slower
	p99 := best(limit, func() time.Duration { return percentile(rs.latencies(t, v, changes, 1), 99) })
	t.Logf("NUMBER one reader: p99 %v alone, %v beside %d that take in and do not read", alone, p99, idle)
	if p99 > limit {
		t.Errorf("p99 %v, want %v at most", p99, limit)
	}

	// One of them begins to read: it learns of the newest state, and is served at once from then on.
	r := bufio.NewReader(last)
	if _, err := http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	read := func(seq uint64) {
		t.Helper()
		for nextEvent(t, r).id != fmt.Sprint(seq) {
		}
	}
	read(v.Snapshot().Seq())
	for range 3 {
		rs.latencies(t, v, 1, 1)
		read(v.Snapshot().Seq())
	}
}
