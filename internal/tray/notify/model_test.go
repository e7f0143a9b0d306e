package notify

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/stateview"
)

// A world is a decider, servers to which anything happens, and the screen.
type world struct {
	rng    *rand.Rand
	now    time.Time
	view   *stateview.View
	d      *Decider
	screen map[string]Note
	muted  []string
	fresh  int // summaries since the last silence began
	log    []string
	broken string // the first rule that was
}

var crew = []string{"s1", "s2", "s3"}

func newWorld(seed uint64) *world {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &world{rng: rand.New(rand.NewPCG(seed, 1)), now: start, view: stateview.New(), d: NewDecider(DefaultSettings(), start), screen: map[string]Note{}}
}

// wait lets time pass, with every deadline that the decider asks for.
func (w *world) wait(d time.Duration) {
	for end := w.now.Add(d); ; {
		next := w.decide()
		for i := 0; !next.IsZero() && !next.After(w.now); i++ { // due at once
			if next = w.decide(); i == 10 {
				w.fail("the decider never comes to rest")
				return
			}
		}
		if next.IsZero() || next.After(end) {
			w.now = end
			return
		}
		w.now = next
	}
}

func (w *world) decide() time.Time {
	notes, next := w.d.Decide(w.now, w.view.Snapshot())
	for _, n := range notes {
		if n.withdrawn {
			delete(w.screen, n.Tag)
			continue
		}
		w.log = append(w.log, fmt.Sprintf("%s NOTE %s %q %q", w.now.Format(time.TimeOnly), n.Tag, n.Title, n.Body))
		w.check(n)
		w.screen[n.Tag] = n
	}
	return next
}

func (w *world) fail(rule string) {
	if w.broken == "" {
		w.broken = rule
	}
}

// claims returns what a note says of servers, by name.
func claims(n Note) map[string]string {
	says := map[string]string{}
	for _, line := range append([]string{n.Title}, strings.Split(n.Body, "\n")...) {
		line = strings.ToLower(line)
		for _, c := range [][2]string{
			{"reconnected", "back"}, {"disconnected", "down"}, {"not connected", "down"}, {"network", "down"}, {"crashing", "down"},
			{"approval", "approve"}, {"sign", "sign in"}, {"tools to review", "review"}, {"unstable", "unstable"},
		} {
			if strings.Contains(line, c[0]) {
				for _, name := range crew {
					if strings.Contains(line, name) {
						says[name] += c[1] + ";"
					}
				}
				break
			}
		}
	}
	return says
}

// check holds a new note against the rules.
func (w *world) check(n Note) {
	if _, replaces := w.screen[n.Tag]; !replaces && (strings.Contains(n.Title, "attention") || strings.Contains(n.Title, "not connected")) {
		if w.fresh++; w.fresh > 1 {
			w.fail("two summaries of one silence")
		}
	}
	for name, said := range claims(n) {
		st, ok := w.view.Snapshot().GetServer(name)
		if slices.Contains(w.muted, name) {
			w.fail(name + " is muted, and named")
		}
		if strings.Contains(said, "down") {
			if !ok || st.State == stateview.Disabled || st.State == stateview.Stopping || st.State == stateview.Connected {
				w.fail(fmt.Sprintf("%s is told as down, but is %s", name, st.State))
			}
		}
	}
}

// rest holds the screen against what is true, once nothing is pending.
func (w *world) rest() {
	down := map[string]bool{}
	for _, n := range w.screen {
		for name, said := range claims(n) {
			if strings.Contains(said, "down") {
				if down[name] {
					w.fail(name + " is told as down by two notes")
				}
				down[name] = true
			}
			st, ok := w.view.Snapshot().GetServer(name)
			gone := !ok || st.State == stateview.Disabled || st.State == stateview.Stopping
			if (gone || slices.Contains(w.muted, name)) && said != "back;" && said != "unstable;" ||
				strings.Contains(said, "down") && st.State == stateview.Connected ||
				strings.Contains(said, "approve") && st.State != stateview.Quarantined ||
				strings.Contains(said, "sign in") && !stands(kindSignIn, &st) || strings.Contains(said, "review") && !stands(kindReview, &st) {
				w.fail(fmt.Sprintf("%q stays, and %s is %s", n.Title, name, st.State))
			}
		}
	}
}

// happen has something happen to a server or to the program.
func (w *world) happen() {
	name := crew[w.rng.IntN(len(crew))]
	what := w.rng.IntN(17)
	w.log = append(w.log, fmt.Sprintf("%s event %d %s", w.now.Format(time.TimeOnly), what, name))
	set := func(state stateview.State, attempt int, code string) {
		w.view.UpdateServer(name, func(st *stateview.ServerStatus) {
			st.State, st.Attempt = state, attempt
			st.SetProblem(stateview.Problem{Code: code, Text: strings.TrimPrefix(code, "MPT-")})
		})
	}
	switch what {
	case 0, 1, 2:
		set(stateview.Connected, 0, "")
	case 3, 4:
		set(stateview.Backoff, 1, "MPT-EXIT")
	case 5:
		set(stateview.Backoff, 1, codeNetworkGone)
	case 6:
		set(stateview.Failed, 1, codeCrashLoop)
	case 7:
		set(stateview.AuthRequired, 1, "")
	case 8:
		set(stateview.Quarantined, 0, "")
	case 9:
		set(stateview.Disabled, 0, "")
	case 10: // a restart by the user
		set(stateview.Stopping, 0, "")
		w.decide()
		set(stateview.Connecting, 1, "")
	case 11:
		w.view.RemoveServer(name)
	case 12:
		w.view.UpdateServer(name, func(st *stateview.ServerStatus) {
			st.Tools = stateview.NewToolList([]stateview.Tool{{Name: "a", Held: w.rng.IntN(2) == 0}, {Name: "b", Held: w.rng.IntN(2) == 0}})
		})
	case 13:
		w.d.Wake(w.now)
		w.fresh = 0
	case 14:
		if w.muted = nil; w.rng.IntN(2) == 0 {
			w.muted = []string{name}
		}
		w.d.Hush(w.now, w.d.hushed, w.muted)
	case 15:
		until := time.Time{}
		if w.d.hushed.IsZero() {
			until = never
		}
		w.d.Hush(w.now, until, w.muted)
		w.fresh = 0
	case 16: // nobody saw what is on the screen, and there is none for a while
		w.d.Unshown(slices.Collect(maps.Keys(w.screen)))
		clear(w.screen)
		w.d.Hush(w.now, never, w.muted)
		w.fresh = 0
	}
	w.decide()
}

// TestWhateverHappens: 10,000 histories, each of 30 events at random distances.
func TestWhateverHappens(t *testing.T) {
	first := rand.Uint64()
	t.Logf("first seed %d", first)
	for seed := first; seed < first+10_000; seed++ {
		w := newWorld(seed)
		for range 30 {
			w.happen()
			w.wait([]time.Duration{0, time.Second, 4 * time.Second, 20 * time.Second, 5 * time.Minute}[w.rng.IntN(5)])
		}
		if !w.d.hushed.IsZero() {
			w.fresh = 0
			w.d.Hush(w.now, time.Time{}, w.muted)
		}
		w.wait(5 * time.Minute)
		if w.rest(); w.broken != "" {
			t.Fatalf("seed %d: %s\n%s", seed, w.broken, strings.Join(w.log, "\n"))
		}
	}
}
