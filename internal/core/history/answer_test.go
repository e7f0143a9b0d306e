package history

import (
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/call"
)

// TestToolErrorsAreTold wants the result class of answers as tools give them, which is
// not read in the call's path.
func TestToolErrorsAreTold(t *testing.T) {
	h := begin(t, dbPath(t))
	long := strings.Repeat(`{"type":"text","text":"\"isError\":true"},`, 3000)
	for answer, want := range map[string]call.Outcome{
		`{"content":[]}`:                                                       call.OK,
		`{"content":[],"isError":true}`:                                        call.ToolError,
		"{ \"isError\" :\n true , \"content\":[]}":                             call.ToolError,
		`{"content":[{"isError":true}],"isError":false}`:                       call.OK,
		`{"content":[{"isError":true}]}`:                                       call.OK,
		`{"content":[` + strings.TrimSuffix(long, ",") + `],"isError":true}`:   call.ToolError,
		`{"content":[` + strings.TrimSuffix(long, ",") + `],"isError": false}`: call.OK,
		`[]`: call.OK,
	} {
		h.Record(call.Record{Server: "s", Tool: "t", At: time.Now(), Answer: []byte(answer)})
		if e := h.page(t, Query{Limit: 1}).Entries[0]; e.Outcome != want {
			t.Errorf("%.60s…: %v, want %v", answer, e.Outcome, want)
		}
	}
	h.Record(call.Record{Server: "s", Tool: "t", At: time.Now(), Outcome: call.Failed, Answer: []byte(`{"isError":true}`)})
	if e := h.page(t, Query{Limit: 1}).Entries[0]; e.Outcome != call.Failed {
		t.Errorf("an error of the protocol is told as %v", e.Outcome)
	}
}

// TestUnreadAnswersAreBounded queues more than may wait to be read: all are told the
// same, and nothing is counted for ever.
func TestUnreadAnswersAreBounded(t *testing.T) {
	path := dbPath(t)
	h := New(Options{Path: path, Settings: defaults})
	answer := []byte(`{"content":["` + strings.Repeat("x", 1<<20) + `"],"isError":true}`)
	const calls = maxUnread>>20 + 4
	for range calls {
		h.Record(call.Record{Server: "s", Tool: "t", At: time.Now(), Answer: answer})
		if n := h.unread.Load(); n > maxUnread {
			t.Fatalf("%d bytes wait to be read, want at most %d", n, maxUnread)
		}
	}
	if n := h.unread.Load(); n < maxUnread-2<<20 {
		t.Errorf("%d bytes wait to be read: calls read what others could", n)
	}
	for range maxQueued { // the last of which find no room
		h.Record(call.Record{Server: "s", Tool: "t", At: time.Now(), Answer: []byte("{}")})
	}
	taken := h.take()
	for i := range calls {
		if it := &taken.items[i]; it.call.Outcome != call.ToolError || it.unread != nil {
			t.Fatalf("call %d: %v", i, it.call.Outcome)
		}
	}
	if n := h.unread.Load(); n != 0 {
		t.Errorf("%d bytes are counted as unread for ever", n)
	}
}
