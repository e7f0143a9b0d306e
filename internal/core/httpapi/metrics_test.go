package httpapi

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"mcpproxy-tray/internal/stateview"
)

func TestMetricsAreForTheAdminAlone(t *testing.T) {
	s, _ := newTest()
	res := call(t, s, "GET", "/metrics", "")
	if got := bodyOf(t, res); res.StatusCode != http.StatusOK || got != "# EOF\n" || res.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("%d %q %v", res.StatusCode, got, res.Header)
	}
	res = ask(t, s, "GET /metrics HTTP/1.1\nHost: 127.0.0.1:7420\nAuthorization: Bearer "+clientToken+"\n\n")
	wantError(t, "clients' token", res, http.StatusForbidden, "MPT-HTTP-SCOPE")
	none, _ := newTest(func(o *Options) { o.Metrics = nil })
	wantError(t, "no metrics", call(t, none, "GET", "/metrics", ""), http.StatusNotFound, "MPT-HTTP-NOT-FOUND")
}

// TestReadsAreTold: each answer from a snapshot, each snapshot that a stream sent.
func TestReadsAreTold(t *testing.T) {
	var reads, left atomic.Int32
	took := make(chan uint64, 10)
	follows := func(o *Options) {
		o.Read = func() { reads.Add(1) }
		o.Follow = func() (func(*stateview.Snapshot, bool), func()) {
			return func(s *stateview.Snapshot, _ bool) { took <- s.Seq() }, func() { left.Add(1) }
		}
	}
	direct, _ := newTest(follows)
	for i, path := range []string{"/api/v1/status", "/api/v1/servers", "/api/v1/servers/linear", "/", "/healthz"} {
		if res := call(t, direct, "GET", path, ""); res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, res.Status)
		}
		if want := int32(min(i+1, 4)); reads.Load() != want {
			t.Errorf("after %s %d reads, want %d", path, reads.Load(), want)
		}
	}
	s, _, addr := serve(t, follows)
	conn := dial(t, addr)
	r := follow(t, conn, addr)
	nextEvent(t, r)
	s.opt.View.RemoveServer("old")
	nextEvent(t, r)
	for _, want := range []uint64{1, 2} {
		if got := <-took; got != want {
			t.Errorf("told of version %d, want %d", got, want)
		}
	}
	if left.Load() != 0 {
		t.Error("the stream has ended")
	}
	_ = conn.Close()
	for deadline := time.Now().Add(10 * time.Second); left.Load() != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody is told that the stream has ended")
		}
	}
}
