package stateview

import (
	"fmt"
	"hash/maphash"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// seed makes fingerprints comparable within one run.
var seed = maphash.MakeSeed()

// fingerprint digests everything that a snapshot says, tools included.
func fingerprint(s *Snapshot) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	fmt.Fprintln(&h, s.Seq(), s.Count())
	for st := range s.Servers() {
		tools := st.Tools
		fmt.Fprintf(&h, "%+v %+v\n", st.Launch(), st.Problem())
		st.Tools, st.about, st.problem = ToolList{}, nil, nil // would print as addresses
		fmt.Fprintf(&h, "%+v\n", st)
		for t := range tools.All() {
			fmt.Fprintf(&h, "%+v\n", t)
		}
	}
	return h.Sum64()
}

// equal is ServerStatus.Equal for values.
func equal(a, b ServerStatus) bool { return a.Equal(&b) }

// checkSnapshot fails the test if s contradicts itself.
func checkSnapshot(t *testing.T, s *Snapshot) {
	t.Helper()
	n, last, counts := 0, "", [NumStates]int{}
	for st := range s.Servers() {
		if n > 0 && st.Name <= last {
			t.Errorf("snapshot %d: %q stands after %q", s.Seq(), st.Name, last)
		}
		if st.Version == 0 || st.Version > s.Seq() {
			t.Errorf("snapshot %d: %q has version %d", s.Seq(), st.Name, st.Version)
		}
		if got, ok := s.GetServer(st.Name); !ok || !got.Equal(&st) {
			t.Errorf("snapshot %d: GetServer(%q) = %+v, %v, want %+v", s.Seq(), st.Name, got, ok, st)
		}
		counts[st.State]++
		n, last = n+1, st.Name
	}
	if s.Count() != n {
		t.Errorf("snapshot %d: Count = %d, want %d", s.Seq(), s.Count(), n)
	}
	for i, want := range counts {
		if got := s.CountByState(State(i)); got != want {
			t.Errorf("snapshot %d: CountByState(%v) = %d, want %d", s.Seq(), State(i), got, want)
		}
	}
	if s.CountConnected() != counts[Connected] {
		t.Errorf("snapshot %d: CountConnected = %d, want %d", s.Seq(), s.CountConnected(), counts[Connected])
	}
}

// serverNames returns n names in order.
func serverNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("server-%05d", i)
	}
	return names
}

// someTools returns n tools like those of real servers.
func someTools(server string, n int) []Tool {
	tools := make([]Tool, n)
	for i := range tools {
		name := fmt.Sprintf("tool_%d", i)
		tools[i] = Tool{Name: name, Held: i%10 == 9, Definition: fmt.Sprintf(
			`{"name":%q,"description":"does a thing for %s","inputSchema":{"type":"object"}}`, name, server)}
	}
	return tools
}

// newView returns a view of connected servers with tools.
func newView(names []string, tools int) *View {
	v := New()
	v.Update(func(b *Batch) {
		for _, name := range names {
			list := NewToolList(someTools(name, tools))
			b.UpdateServer(name, func(st *ServerStatus) {
				st.State, st.Enabled, st.Tools = Connected, true, list
				st.Since, st.Transport = time.Unix(1e9, 0), Stdio
			})
		}
	})
	return v
}

func TestAddUpdateRemove(t *testing.T) {
	v := New()
	if s := v.Snapshot(); s.Seq() != 0 || s.Count() != 0 || len(s.GetAll()) != 0 {
		t.Fatalf("a new view has Seq %d and %d servers, want 0 and 0", s.Seq(), s.Count())
	}
	v.UpdateServer("b", func(st *ServerStatus) { st.State = Connecting })
	v.UpdateServer("a", func(st *ServerStatus) { st.State, st.Name, st.Version = Connected, "x", 99 })
	v.UpdateServer("b", func(st *ServerStatus) { st.State = Connected })
	want := []ServerStatus{{Name: "a", State: Connected, Version: 2}, {Name: "b", State: Connected, Version: 3}}
	if got := v.GetAll(); !slices.EqualFunc(got, want, equal) {
		t.Errorf("GetAll() = %+v, want %+v", got, want)
	}
	if v.Count() != 2 || v.CountConnected() != 2 || v.CountByState(Connecting) != 0 || v.CountByState(State(200)) != 0 {
		t.Errorf("counts = %d, %d connected, %d connecting, want 2, 2, 0", v.Count(), v.CountConnected(), v.CountByState(Connecting))
	}
	v.RemoveServer("a")
	if _, ok := v.GetServer("a"); ok {
		t.Error("a is there after it was removed")
	}
	if st, ok := v.GetServer("b"); !ok || !st.Equal(&want[1]) {
		t.Errorf("GetServer(b) = %+v, %v, want %+v", st, ok, want[1])
	}
	checkSnapshot(t, v.Snapshot())
}

func TestNothingChangedPublishesNothing(t *testing.T) {
	v := newView(serverNames(3), 2)
	v.UpdateServer("server-00000", func(st *ServerStatus) {
		st.RetryAt = time.Unix(5, 0)
		st.SetLaunch(Launch{"run it", "f1"})
		st.SetOffer(Offer{Info: "{}", Prompts: NewItemList([]Item{{"x", "{}"}})})
		st.SetProblem(Problem{Code: "MPT-X", Text: "It broke.", Since: time.Unix(4, 0)})
	})
	before, name := v.Snapshot(), "server-00000"
	tests := []struct {
		name  string
		write func()
	}{
		{"update", func() { v.UpdateServer(name, func(*ServerStatus) {}) }},
		{"own fields", func() { v.UpdateServer(name, func(st *ServerStatus) { st.Name, st.Version = "x", 77 }) }},
		{"equal tools", func() {
			v.UpdateServer(name, func(st *ServerStatus) { st.Tools = NewToolList(someTools(name, 2)) })
		}},
		{"same instant", func() {
			v.UpdateServer(name, func(st *ServerStatus) {
				st.Since, st.RetryAt = st.Since.UTC(), st.RetryAt.UTC()
				p := st.Problem()
				p.Since = p.Since.UTC()
				st.SetProblem(p)
			})
		}},
		{"equal offer", func() {
			v.UpdateServer(name, func(st *ServerStatus) {
				st.SetOffer(Offer{Info: "{}", Prompts: NewItemList([]Item{{"x", "{}"}})})
			})
		}},
		{"equal launch and problem", func() {
			v.UpdateServer(name, func(st *ServerStatus) {
				l, p := st.Launch(), st.Problem()
				st.SetLaunch(Launch{})
				st.SetProblem(Problem{})
				st.SetLaunch(l)
				st.SetProblem(p)
			})
		}},
		{"remove unknown", func() { v.RemoveServer("nobody") }},
		{"empty batch", func() { v.Update(func(*Batch) {}) }},
		{"batch to and fro", func() {
			v.Update(func(b *Batch) {
				b.UpdateServer(name, func(st *ServerStatus) { st.State = Backoff })
				b.UpdateServer(name, func(st *ServerStatus) { st.State = Connected })
			})
		}},
		{"batch adds and removes", func() {
			v.Update(func(b *Batch) {
				b.UpdateServer("new", func(*ServerStatus) {})
				b.RemoveServer("new")
				b.RemoveServer("nobody")
			})
		}},
		{"batch removes and adds", func() {
			old, _ := v.GetServer(name)
			v.Update(func(b *Batch) {
				b.RemoveServer(name)
				b.UpdateServer(name, func(st *ServerStatus) { *st = old })
			})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.write()
			if v.Snapshot() != before {
				t.Error("a snapshot was published")
			}
		})
	}
}

func TestEqualTellsEveryField(t *testing.T) {
	base := ServerStatus{Name: "a"}
	edits := map[string]func(*ServerStatus){
		"State":        func(st *ServerStatus) { st.State = Failed },
		"Enabled":      func(st *ServerStatus) { st.Enabled = true },
		"Since":        func(st *ServerStatus) { st.Since = time.Unix(1, 0) },
		"Attempt":      func(st *ServerStatus) { st.Attempt = 1 },
		"RetryAt":      func(st *ServerStatus) { st.RetryAt = time.Unix(1, 0) },
		"PID":          func(st *ServerStatus) { st.PID = 1 },
		"Name":         func(st *ServerStatus) { st.Name = "x" },
		"Transport":    func(st *ServerStatus) { st.Transport = SSE },
		"Protocol":     func(st *ServerStatus) { st.Protocol = "x" },
		"about":        func(st *ServerStatus) { st.SetLaunch(Launch{Line: "x"}) },
		"launch.ID":    func(st *ServerStatus) { st.SetLaunch(Launch{ID: "x"}) },
		"Info":         func(st *ServerStatus) { st.SetOffer(Offer{Info: "x"}) },
		"Capabilities": func(st *ServerStatus) { st.SetOffer(Offer{Capabilities: "x"}) },
		"Instructions": func(st *ServerStatus) { st.SetOffer(Offer{Instructions: "x"}) },
		"Prompts":      func(st *ServerStatus) { st.SetOffer(Offer{Prompts: NewItemList([]Item{{"x", "{}"}})}) },
		"Resources":    func(st *ServerStatus) { st.SetOffer(Offer{Resources: NewItemList([]Item{{"x", "{}"}})}) },
		"Templates":    func(st *ServerStatus) { st.SetOffer(Offer{Templates: NewItemList([]Item{{"x", "{}"}})}) },
		"Tools":        func(st *ServerStatus) { st.Tools = NewToolList([]Tool{{Name: "x"}}) },
	}
	problems := map[string]Problem{
		"problem": {Code: "x"}, "Text": {Text: "x"}, "Hint": {Hint: "x"}, "Action": {Action: "x"}, "problem.Since": {Since: time.Unix(1, 0)},
	}
	for name, p := range problems {
		edits[name] = func(st *ServerStatus) { st.SetProblem(p) }
	}
	for _, of := range []reflect.Type{reflect.TypeFor[ServerStatus](), reflect.TypeFor[Offer]()} {
		for f := range of.Fields() {
			if edits[f.Name] == nil && f.Name != "_" && f.Name != "Version" {
				t.Errorf("%s is not tried", f.Name)
			}
		}
	}
	for name, edit := range edits {
		st := base
		edit(&st)
		if same(&base, &st) || same(&st, &base) || base.Equal(&st) {
			t.Errorf("a change of %s goes unnoticed", name)
		}
		again := base
		edit(&again)
		if !same(&again, &st) || !again.Equal(&st) {
			t.Errorf("the same change of %s makes a difference", name)
		}
	}
	if st := (ServerStatus{Name: "a", Version: 9}); !same(&base, &st) || base.Equal(&st) {
		t.Error("Version alone counts as a change, or Equal does not see it")
	}
}

func TestBatchPublishesOnce(t *testing.T) {
	v := newView(serverNames(200), 0)
	before := v.Snapshot()
	v.Update(func(b *Batch) {
		for _, name := range serverNames(200) {
			b.UpdateServer(name, func(st *ServerStatus) { st.Attempt++ })
		}
		b.UpdateServer("server-00007", func(st *ServerStatus) { st.Attempt++ })
		if v.Snapshot() != before {
			t.Error("published before the batch ended")
		}
	})
	s := v.Snapshot()
	if s.Seq() != before.Seq()+1 {
		t.Errorf("Seq = %d, want %d", s.Seq(), before.Seq()+1)
	}
	for st := range s.Servers() {
		want := 1
		if st.Name == "server-00007" {
			want = 2
		}
		if st.Attempt != want || st.Version != s.Seq() {
			t.Errorf("%s: Attempt %d, Version %d, want %d, %d", st.Name, st.Attempt, st.Version, want, s.Seq())
		}
	}
	checkSnapshot(t, s)
}

func TestUpdateSharesWhatItDoesNotChange(t *testing.T) {
	v := newView(serverNames(1000), 1)
	a := v.Snapshot()
	v.UpdateServer("server-00100", func(st *ServerStatus) { st.PID = 1 })
	b := v.Snapshot()
	if a.names != b.names {
		t.Error("the index was copied although the names are the same")
	}
	for i := range a.chunks {
		if shared := a.chunks[i] == b.chunks[i]; shared != (i != 100/chunkSize) {
			t.Errorf("chunk %d: shared = %v", i, shared)
		}
	}
	v.UpdateServer("server-00500x", func(*ServerStatus) {})
	c := v.Snapshot()
	for i := range 500 / chunkSize {
		if b.chunks[i] != c.chunks[i] {
			t.Errorf("chunk %d was copied although the new server comes after it", i)
		}
	}
}

// mustPanic returns what fn panics with.
func mustPanic(t *testing.T, fn func()) (text string) {
	t.Helper()
	defer func() { text = fmt.Sprint(recover()) }()
	fn()
	t.Error("no panic")
	return ""
}

func TestPanicInUpdatePublishesNothing(t *testing.T) {
	v := newView(serverNames(3), 1)
	before, sum := v.Snapshot(), fingerprint(v.Snapshot())
	mustPanic(t, func() {
		v.UpdateServer("server-00001", func(st *ServerStatus) { st.State = Failed; panic("one") })
	})
	mustPanic(t, func() {
		v.Update(func(b *Batch) {
			b.UpdateServer("server-00000", func(st *ServerStatus) { st.State = Failed })
			b.RemoveServer("server-00002")
			panic("batch")
		})
	})
	text := mustPanic(t, func() { v.UpdateServer("server-00001", func(st *ServerStatus) { st.State = 200 }) })
	if !strings.Contains(text, "unknown state(200)") {
		t.Errorf("panic of an unknown state = %q", text)
	}
	if v.Snapshot() != before || fingerprint(before) != sum {
		t.Error("a panic left a change behind")
	}
	v.UpdateServer("server-00001", func(st *ServerStatus) { st.State = Failed })
	if got := v.CountByState(Failed); got != 1 {
		t.Errorf("after the panics an update leaves %d failed servers, want 1", got)
	}
}

func TestWriteInsideUpdatePanics(t *testing.T) {
	nested := map[string]func(*View){
		"UpdateServer": func(v *View) { v.UpdateServer("b", func(*ServerStatus) {}) },
		"RemoveServer": func(v *View) { v.RemoveServer("a") },
		"Update":       func(v *View) { v.Update(func(*Batch) {}) },
	}
	for name, write := range nested {
		t.Run(name, func(t *testing.T) {
			v := newView([]string{"a"}, 0)
			mustPanic(t, func() { v.UpdateServer("a", func(*ServerStatus) { write(v) }) })
			mustPanic(t, func() { v.Update(func(*Batch) { write(v) }) })
			v.UpdateServer("a", func(st *ServerStatus) {
				if cur, ok := v.GetServer("a"); !ok || !cur.Equal(st) { // reading is fine
					t.Errorf("GetServer inside an update = %+v, %v, want %+v", cur, ok, *st)
				}
				st.PID = 1
			})
			if st, _ := v.GetServer("a"); st.PID != 1 {
				t.Error("the view does not work after the panics")
			}
		})
	}
}
