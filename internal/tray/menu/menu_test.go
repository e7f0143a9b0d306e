package menu_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mcpproxy-tray/internal/stateview"
	"mcpproxy-tray/internal/tray/menu"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func snapshot(servers ...stateview.ServerStatus) *stateview.Snapshot {
	v := stateview.New()
	v.Update(func(b *stateview.Batch) {
		for _, st := range servers {
			b.UpdateServer(st.Name, func(s *stateview.ServerStatus) { *s = st })
		}
	})
	return v.Snapshot()
}

func tools(n, held int) stateview.ToolList {
	var list []stateview.Tool
	for i := range n {
		list = append(list, stateview.Tool{Name: fmt.Sprint("tool", i), Held: i < held})
	}
	return stateview.NewToolList(list)
}

// setLine sets a launch with the same fingerprint whatever it is.
func setLine(st *stateview.ServerStatus, line string) {
	st.SetLaunch(stateview.Launch{Line: line, ID: "id-of-" + st.Name})
}

func server(name string, state stateview.State) stateview.ServerStatus {
	st := stateview.ServerStatus{Name: name, State: state, Enabled: state != stateview.Disabled, Since: noon,
		Transport: stateview.Stdio}
	setLine(&st, "npx -y "+name)
	if state == stateview.Connected {
		st.Tools = tools(12, 0)
	}
	return st
}

func with(st stateview.ServerStatus, fn func(*stateview.ServerStatus)) stateview.ServerStatus {
	fn(&st)
	return st
}

func many(n int) []stateview.ServerStatus {
	var servers []stateview.ServerStatus
	for i := range n {
		servers = append(servers, server(fmt.Sprintf("server%04d", i), stateview.Connected))
	}
	return servers
}

func TestGolden(t *testing.T) {
	problem := stateview.Problem{Code: "MPT-CMD-NOT-FOUND", Text: "“npx” was not found in the PATH that programs started from the desktop get.",
		Hint: "Install Node.js or write its full path into the configuration.", Since: noon.Add(-time.Hour)}
	attention := many(60)
	for i := range 11 {
		attention[5*i] = with(server(attention[5*i].Name, stateview.Failed), func(s *stateview.ServerStatus) { s.Since = noon.Add(-time.Duration(i) * time.Minute) })
	}
	long := strings.Repeat("/a-directory", 30)
	cases := []struct {
		name    string
		servers []stateview.ServerStatus
		options menu.Options
	}{
		{name: "empty"},
		{name: "all-disabled", servers: []stateview.ServerStatus{server("off", stateview.Disabled)}},
		{name: "states", servers: []stateview.ServerStatus{
			server("a-disabled", stateview.Disabled),
			server("b-quarantined", stateview.Quarantined),
			server("c-connecting", stateview.Connecting),
			server("d-connected", stateview.Connected),
			with(server("e-held", stateview.Connected), func(s *stateview.ServerStatus) { s.Tools = tools(3, 1) }),
			with(server("f-backoff", stateview.Backoff), func(s *stateview.ServerStatus) {
				s.SetProblem(stateview.Problem{Code: "MPT-EXIT", Text: "It ended with exit status 1.", Since: noon.Add(-time.Minute)})
			}),
			with(server("g-again", stateview.Connecting), func(s *stateview.ServerStatus) { s.Attempt = 4 }),
			server("h-sign-in", stateview.AuthRequired),
			with(server("i-failed", stateview.Failed), func(s *stateview.ServerStatus) { s.SetProblem(problem) }),
			server("j-stopping", stateview.Stopping),
			with(server("k-url", stateview.Quarantined), func(s *stateview.ServerStatus) {
				s.Transport = stateview.HTTP
				setLine(s, "https://example.com/mcp")
			}),
			with(server("l-long", stateview.Quarantined), func(s *stateview.ServerStatus) { setLine(s, long) }),
		}},
		{name: "pending", servers: []stateview.ServerStatus{server("one", stateview.Connected), server("two", stateview.Disabled)},
			options: menu.Options{Pending: map[string]menu.Kind{"one": menu.Restart, "two": menu.Enable}, CanCopy: true, Notices: []menu.Notice{{Text: "Quarantine is off: any server may run"}, {Text: "second"}, {Text: "third"}}}},
		{name: "config", servers: []stateview.ServerStatus{server("one", stateview.Connected), server("two", stateview.Quarantined)},
			options: menu.Options{HasFile: true, HasPage: true, Notices: []menu.Notice{{Text: "Quarantine is off: new servers run without being approved."}, {Text: "second"},
				{Text: `config.json:25:3: The server name "<b>bold</b> & more" has a character that cannot be in one: "<".`, Config: true}}}},
		{name: "hostile", servers: []stateview.ServerStatus{
			server("\xff\xfe", stateview.Connected), server("a\x00b\nc\td", stateview.Connected), server("my_server_1 & <b>co</b>", stateview.Failed),
			server("right\u202eto\u200bleft", stateview.Connected), server(strings.Repeat("w", 200), stateview.AuthRequired), server(" ", stateview.Connected),
			with(server("launch", stateview.Quarantined), func(s *stateview.ServerStatus) { setLine(s, "run \u202e'; rm_-rf\n~") }),
		}},
		{name: "full", servers: []stateview.ServerStatus{server("off", stateview.Disabled), server("on", stateview.Connected), server("muted", stateview.Connected),
			with(server("held", stateview.Connected), func(s *stateview.ServerStatus) { s.Tools = tools(3, 1) }),
			with(server("long", stateview.Quarantined), func(s *stateview.ServerStatus) { setLine(s, long) }), server("sign-in", stateview.AuthRequired)},
			options: everything(true)},
		{name: "paused", servers: []stateview.ServerStatus{server("on", stateview.Connected), server("bad", stateview.Failed)},
			options: menu.Options{CanPause: true, Paused: true, CanLogin: true, Login: true, Busy: map[menu.Kind]bool{menu.Resume: true},
				Notify: menu.Notifications{Known: true}}},
		{name: "asking", servers: []stateview.ServerStatus{server("on", stateview.Connected), server("my_mail", stateview.Connected)},
			options: menu.Options{Asking: []string{"my_mail"}, HasPage: true}},
		{name: "asking-several", servers: []stateview.ServerStatus{server("on", stateview.Connected), server("bad", stateview.Failed)},
			options: menu.Options{Asking: []string{"on", "on", "bad"}, HasPage: true}},
		{name: "quiet", options: menu.Options{CanPause: true, Notify: menu.Notifications{Known: true, On: true, QuietUntil: noon.Add(time.Hour)}}},
		{name: "many", servers: attention, options: menu.Options{Picked: []string{"gone", "server0001", "server0000"}}},
		{name: "beyond", servers: many(menu.MaxPages*menu.PageSize + 7)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.options.Location = time.UTC
			golden(t, c.name, menu.Format(menu.Build(snapshot(c.servers...), c.options)))
		})
	}
}

// everything returns options with all features.
func everything(on bool) menu.Options {
	return menu.Options{CanCopy: true, CanPause: true, CanPaste: true, HasPage: true, HasFile: true, CanLogin: true, Login: on, Location: time.UTC,
		Until:  map[string]time.Time{"on": noon.Add(time.Hour)},
		Notify: menu.Notifications{Known: true, On: on, Muted: []string{"muted"}}}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("menu =\n%s\nwant (go test -update if it should change)\n%s", got, want)
	}
}

// TestNeverMoreThan300 counts the slots that can be visible together: rows of all servers
// are there in place of the rows and pages of many.
func TestNeverMoreThan300(t *testing.T) {
	var top, rows, pages int
	for _, s := range menu.Skeleton() {
		group, place, _ := strings.Cut(s.ID.String(), "/")
		n, _ := strconv.Atoi(strings.Split(place, "/")[0])
		switch {
		case group == "server":
			rows++
			if n < menu.MaxAttention+menu.MaxPicked {
				pages++
			}
		case group == "page":
			pages++
		default:
			top++
		}
	}
	if rows < 100 || top+rows >= 300 || top+pages >= 300 {
		t.Errorf("%d items with a row each, %d with pages, want fewer than 300", top+rows, top+pages)
	}
}

// TestLimits checks for every size that no menu is too large or misses a server that it could show.
func TestLimits(t *testing.T) {
	for _, n := range []int{0, 1, 19, 20, 21, 25, 26, 50, 125, 126, 1000} {
		for _, state := range []stateview.State{stateview.Connected, stateview.Failed, stateview.Quarantined} {
			var servers []stateview.ServerStatus
			for _, st := range many(n) {
				servers = append(servers, with(server(st.Name, state), func(s *stateview.ServerStatus) {
					s.SetProblem(stateview.Problem{Text: strings.Repeat("trouble ", 20)})
					s.Tools = tools(2, 1)
				}))
			}
			o := everything(true)
			o.Notices, o.Picked = []menu.Notice{{Text: strings.Repeat("a ", 99), Config: true}, {Text: strings.Repeat("b", 99)}, {Text: "c"}}, []string{"server0000", "server0001", "server0002", "server0003", "server0004"}
			m := menu.Build(snapshot(servers...), o)
			visible, shown := 0, map[string]bool{}
			for i, node := range m.Nodes {
				if node.ID != menu.ID(i+1) {
					t.Fatalf("node %d has ID %v", i, node.ID)
				}
				if node.Visible {
					visible++
				}
				shown[node.Action.Server] = true
			}
			delete(shown, "")
			if visible > 300 {
				t.Errorf("%d servers: %d items, want at most 300", n, visible)
			}
			if want := min(n, menu.MaxPages*menu.PageSize); len(shown) != want {
				t.Errorf("%d servers: %d can be reached, want %d", n, len(shown), want)
			}
		}
	}
}

// TestOnlyClickableSlotsAct makes sure that a screen, which listens only to
// clickable slots, hears every action.
func TestOnlyClickableSlotsAct(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		s, o := random(r)
		for _, n := range menu.Build(s, o).Nodes {
			slot, ok := n.ID.Slot()
			if !ok {
				t.Fatalf("%v is no slot", n.ID)
			}
			if !n.Action.IsZero() && (!slot.Clickable || !n.Enabled || !n.Visible) {
				t.Errorf("%v has %v but nobody can click it", n.ID, n.Action)
			}
			if n.Visible && n.Title == "" && !slot.Separator {
				t.Errorf("%v is blank", n.ID)
			}
		}
	}
}

// random returns a snapshot and options of any kind.
func random(r *rand.Rand) (*stateview.Snapshot, menu.Options) {
	var servers []stateview.ServerStatus
	o := menu.Options{Location: time.UTC}
	if r.IntN(2) == 0 {
		o = everything(r.IntN(2) == 0)
		o.Paused = r.IntN(2) == 0
		o.Until = map[string]time.Time{"s01": noon, "s02": noon}
		o.Notify.Muted = []string{"s02", "s03"}
		if r.IntN(2) == 0 {
			o.Notify.QuietUntil = noon
		}
	}
	for range r.IntN(3) {
		o.Asking = append(o.Asking, fmt.Sprintf("s%02d", r.IntN(60)))
	}
	o.Pending = map[string]menu.Kind{}
	for i := range r.IntN(60) {
		name := fmt.Sprintf("s%02d", i)
		if r.IntN(3) == 0 {
			continue
		}
		servers = append(servers, with(server(name, stateview.State(r.IntN(stateview.NumStates))), func(s *stateview.ServerStatus) {
			s.Attempt = r.IntN(5)
			s.SetProblem(stateview.Problem{Text: strings.Repeat("trouble ", r.IntN(20))})
			s.Tools = tools(r.IntN(3), r.IntN(2))
		}))
		if r.IntN(8) == 0 {
			o.Pending[name] = menu.Restart
			o.Picked = append(o.Picked, name)
		}
	}
	return snapshot(servers...), o
}

func TestDiffAppliedToOldGivesNew(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	screen := menu.Blank()
	for range 500 {
		s, o := random(r)
		want := menu.Build(s, o)
		screen.Apply(menu.Diff(nil, screen, want))
		if !reflect.DeepEqual(screen, want) {
			t.Fatalf("after the diff:\n%s\nwant\n%s", menu.Format(screen), menu.Format(want))
		}
		if ops := menu.Diff(nil, screen, menu.Build(s, o)); len(ops) != 0 {
			t.Fatalf("the same snapshot again gives %d changes", len(ops))
		}
	}
}

func TestDiffAllocatesNothing(t *testing.T) {
	a, b := menu.Build(snapshot(many(1000)...), menu.Options{}), menu.Build(snapshot(many(999)...), menu.Options{})
	ops := make([]menu.Op, 0, 1000)
	for name, fn := range map[string]func(){
		"same":    func() { ops = menu.Diff(ops[:0], a, a) },
		"changed": func() { ops = menu.Diff(ops[:0], a, b) },
	} {
		if n := testing.AllocsPerRun(100, fn); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
	if len(menu.Diff(nil, a, b)) == 0 {
		t.Error("no difference between 1000 and 999 servers")
	}
}

func TestQuarantinedIsNeverAnError(t *testing.T) {
	for state, want := range map[stateview.State]menu.Icon{
		stateview.Quarantined: menu.IconAttention, stateview.AuthRequired: menu.IconAttention, stateview.Failed: menu.IconError,
		stateview.Disabled: menu.IconNormal, stateview.Backoff: menu.IconNormal, stateview.Connected: menu.IconNormal,
	} {
		if got := menu.Build(snapshot(server("a", state), server("b", stateview.Connected)), menu.Options{}).Icon; got != want {
			t.Errorf("%v: icon = %v, want %v", state, got, want)
		}
	}
}

func FuzzLabels(f *testing.F) {
	for _, s := range []string{"", "my_server", "a & b", "\xff\x00", "\u202eevil", "👩‍👩‍👧", strings.Repeat("é", 100), "__x_", "%s%n", "\u202e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		st := server("x", stateview.Quarantined)
		setLine(&st, s)
		st.SetProblem(stateview.Problem{Text: s})
		other := server("y"+s, stateview.Failed)
		other.SetProblem(stateview.Problem{Text: s})
		for style := menu.StyleDBus; style <= menu.StyleDarwin; style++ {
			m := menu.Build(snapshot(st, other), menu.Options{Style: style, Notices: []menu.Notice{{Text: s, Config: true}}})
			for _, n := range m.Nodes {
				limit := 60
				if style != menu.StyleDarwin {
					limit = 120 // each rune may be doubled
				}
				if !utf8.ValidString(n.Title) || utf8.RuneCountInString(n.Title) > limit || strings.ContainsFunc(n.Title, forbidden) {
					t.Errorf("style %d, %v: bad label %q", style, n.ID, n.Title)
				}
			}
			if strings.ContainsAny(m.Tooltip, "<>&") || strings.ContainsFunc(m.Tooltip, forbidden) {
				t.Errorf("bad tooltip %q", m.Tooltip)
			}
		}
	})
}

func forbidden(r rune) bool {
	return r < ' ' || r >= 0x7F && r < 0xA0 || r >= 0x200B && r <= 0x200F || r >= 0x202A && r <= 0x202E || r >= 0x2060 && r <= 0x206F || r == 0xFEFF
}

// TestOneChangeAmongThousandIsQuick wants twice the 150 µs that are aimed at, in
// the best of many rounds: others use this machine, too.
func TestOneChangeAmongThousandIsQuick(t *testing.T) {
	v := stateview.New()
	v.Update(func(batch *stateview.Batch) {
		for _, st := range many(1000) {
			batch.UpdateServer(st.Name, func(s *stateview.ServerStatus) { *s = st })
		}
	})
	o := everything(true)
	old := menu.Build(v.Snapshot(), o)
	v.UpdateServer("server0003", func(s *stateview.ServerStatus) { s.State = stateview.Backoff })
	after := v.Snapshot()
	ops := make([]menu.Op, 0, 100)
	best := time.Hour
	for range 500 {
		began := time.Now()
		ops = menu.Diff(ops[:0], old, menu.Build(after, o))
		best = min(best, time.Since(began))
	}
	if limit := 300 * time.Microsecond * slower; best > limit {
		t.Errorf("Build and Diff took %v, want at most %v", best, limit)
	}
	if len(ops) == 0 || len(ops) > 5 {
		t.Errorf("%d operations for one change", len(ops))
	}
	t.Logf("Build and Diff: %v, %d operations", best, len(ops))
}

func BenchmarkBuildAndDiffOneChange(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("servers=%d", n), func(b *testing.B) {
			v := stateview.New()
			v.Update(func(batch *stateview.Batch) {
				for _, st := range many(n) {
					batch.UpdateServer(st.Name, func(s *stateview.ServerStatus) { *s = st })
				}
			})
			before := v.Snapshot()
			v.UpdateServer("server0003", func(s *stateview.ServerStatus) { s.State = stateview.Backoff })
			after := v.Snapshot()
			old := menu.Build(before, menu.Options{})
			var ops []menu.Op
			b.ReportAllocs()
			for b.Loop() {
				ops = menu.Diff(ops[:0], old, menu.Build(after, menu.Options{}))
			}
			b.ReportMetric(float64(len(ops)), "changes")
		})
	}
}
