package stateview

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestReadersCannotWrite walks through everything that a reader can get hold of,
// starting with a snapshot's methods, and fails if it finds a way to memory that
// somebody else reads.
func TestReadersCannotWrite(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for m := range reflect.TypeFor[*Snapshot]().Methods() {
		for out := range m.Type.Outs() {
			if out.Kind() == reflect.Slice { // GetAll: the caller's own, only the elements matter
				out = out.Elem()
			}
			for _, path := range writable(out, m.Name, seen) {
				t.Errorf("a reader can write through %s", path)
			}
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[ServerStatus](), reflect.TypeFor[Tool](), reflect.TypeFor[ToolList](),
		reflect.TypeFor[Launch](), reflect.TypeFor[Problem]()} {
		if !seen[typ] {
			t.Errorf("the walk did not reach %v", typ)
		}
	}
	type leaky struct{ Labels map[string]string }
	if len(writable(reflect.TypeFor[leaky](), "leaky", seen)) == 0 {
		t.Error("the walk does not notice a map")
	}
}

// writable returns the paths from typ to shared memory that can be written to
// outside this package: exported fields, and results of methods.
func writable(typ reflect.Type, path string, seen map[reflect.Type]bool) (found []string) {
	if seen[typ] {
		return nil
	}
	seen[typ] = true
	switch typ.Kind() {
	case reflect.Map, reflect.Slice, reflect.Pointer, reflect.Interface, reflect.UnsafePointer:
		return []string{path + " " + typ.String()}
	case reflect.Chan:
		if typ.ChanDir() != reflect.RecvDir {
			return []string{path + " " + typ.String()}
		}
	case reflect.Func: // an iter.Seq: what it hands to yield
		for yield := range typ.Ins() {
			for in := range yield.Ins() {
				found = append(found, writable(in, path+"()", seen)...)
			}
		}
	case reflect.Struct:
		for f := range typ.Fields() {
			if f.IsExported() {
				found = append(found, writable(f.Type, path+"."+f.Name, seen)...)
			}
		}
	}
	if strings.HasSuffix(typ.PkgPath(), "stateview") {
		for m := range reflect.PointerTo(typ).Methods() { // those of typ, and what its owner may call
			for out := range m.Type.Outs() {
				if m.Name != "MarshalText" && m.Name != "UnmarshalText" { // these make a new slice or error
					found = append(found, writable(out, path+"."+m.Name, seen)...)
				}
			}
		}
	}
	return found
}

func TestToolListKeepsItsContent(t *testing.T) {
	tools := someTools("a", 20)
	want := slices.Clone(tools)
	list := NewToolList(tools)
	for i := range tools {
		tools[i] = Tool{Name: "changed", Held: true}
	}
	_ = append(tools[:0], Tool{}, Tool{})
	if got := slices.Collect(list.All()); !slices.Equal(got, want) {
		t.Errorf("the list changed with the slice it was made of: %+v", got)
	}
	if list.Len() != 20 || list.Held() != 2 || list.Approved() != 18 || list.At(9) != want[9] {
		t.Errorf("Len %d, Held %d, Approved %d, At(9) %+v", list.Len(), list.Held(), list.Approved(), list.At(9))
	}
	if empty := (ToolList{}); empty.Len() != 0 || empty.Held() != 0 || NewToolList(nil) != empty || empty.Equal(list) {
		t.Error("the empty list is not empty")
	}
	for range (ToolList{}).All() {
		t.Error("the empty list yields a tool")
	}
	if !list.Equal(NewToolList(want)) || list.Equal(NewToolList(tools)) {
		t.Error("Equal does not compare content")
	}
}

func TestKeptPointersLeadNowhere(t *testing.T) {
	v := New()
	var kept []*ServerStatus
	var batch *Batch
	keep := func(st *ServerStatus) { st.PID = 1; kept = append(kept, st) }
	v.UpdateServer("a", keep)
	v.UpdateServer("a", func(st *ServerStatus) { keep(st); st.Attempt = 1 })
	v.Update(func(b *Batch) {
		batch = b
		b.UpdateServer("b", keep)
	})
	sum := fingerprint(v.Snapshot())
	for _, st := range kept {
		st.Name, st.PID = "changed", 7
	}
	v.GetAll()[0].PID = 7
	if fingerprint(v.Snapshot()) != sum {
		t.Error("a pointer kept from an update changed a snapshot")
	}
	mustPanic(t, func() { batch.RemoveServer("a") })
	mustPanic(t, func() { batch.UpdateServer("a", keep) })
}

func TestSettersChangeOneCopy(t *testing.T) {
	v := newView(serverNames(1), 0)
	launch, problem := Launch{"run it", "f1"}, Problem{Code: "MPT-X", Text: "It broke."}
	v.UpdateServer("server-00000", func(st *ServerStatus) {
		st.SetLaunch(launch)
		st.SetProblem(problem)
	})
	for _, set := range []func(*ServerStatus){
		func(st *ServerStatus) { st.SetLaunch(Launch{"run more", "f2"}); st.SetProblem(Problem{Code: "MPT-Y"}) },
		func(st *ServerStatus) { st.SetLaunch(Launch{}); st.SetProblem(Problem{}) },
	} {
		st, _ := v.GetServer("server-00000")
		other := st
		set(&st)
		now, _ := v.GetServer("server-00000")
		for _, c := range []*ServerStatus{&other, &now} {
			if c.Launch() != launch || c.Problem() != problem || c.Equal(&st) {
				t.Errorf("a setter of another copy left %+v, %+v", c.Launch(), c.Problem())
			}
		}
	}
	if st := (ServerStatus{}); st.Launch() != (Launch{}) || !st.Problem().IsZero() {
		t.Error("the zero status has a launch or a problem")
	}
}

func TestStateText(t *testing.T) {
	for i := range NumStates {
		s := State(i)
		data, err := json.Marshal(s)
		var back State
		if err != nil || json.Unmarshal(data, &back) != nil || back != s || string(data) != `"`+s.String()+`"` {
			t.Errorf("%v became %s, then %v (%v)", s, data, back, err)
		}
		if got, ok := ParseState(s.String()); !ok || got != s {
			t.Errorf("ParseState(%q) = %v, %v", s, got, ok)
		}
	}
	for _, text := range []string{"", "Connected", "state(8)", "up", " connected"} {
		s := Connected
		if _, ok := ParseState(text); ok || s.UnmarshalText([]byte(text)) == nil || s != Connected {
			t.Errorf("%q passes for a state", text)
		}
	}
	if got := State(99).String(); got != "state(99)" {
		t.Errorf("State(99) = %q", got)
	}
}

// TestStateWords: each state has words of its own, and a server that is tried
// again says the same while it waits and while it tries.
func TestStateWords(t *testing.T) {
	seen := map[string]State{}
	for i := range NumStates {
		s := State(i)
		if other, ok := seen[s.Words()]; ok || s.Words() == "" {
			t.Errorf("%v and %v are both %q", other, s, s.Words())
		}
		seen[s.Words()] = s
	}
	if got := State(99).Words(); got != "state(99)" {
		t.Errorf("State(99).Words() = %q", got)
	}
	for _, c := range []struct {
		st   ServerStatus
		want string
	}{
		{ServerStatus{State: Connecting, Attempt: 1}, "connecting"},
		{ServerStatus{State: Connecting, Attempt: 2}, "down, retrying"},
		{ServerStatus{State: Backoff, Attempt: 2}, "down, retrying"},
		{ServerStatus{State: Connected, Attempt: 2}, "connected"},
	} {
		if got := c.st.Words(); got != c.want {
			t.Errorf("%v, attempt %d: %q, not %q", c.st.State, c.st.Attempt, got, c.want)
		}
	}
}
