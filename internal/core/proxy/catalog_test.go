package proxy

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mcpproxy-tray/internal/stateview"
)

// TestCatalogsGrowAsTheyWouldAnew compares catalogs that were made of the one before,
// over many changes of which some are skipped, with ones that were made of nothing. A
// version must change exactly when its list does.
func TestCatalogsGrowAsTheyWouldAnew(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	v := stateview.New()
	states := []stateview.State{stateview.Connected, stateview.Connected, stateview.Disabled, stateview.Failed}
	change := func() {
		name := fmt.Sprint("s", rng.IntN(6))
		switch rng.IntN(5) {
		case 0:
			v.RemoveServer(name)
		case 1:
			v.UpdateServer(name, func(st *stateview.ServerStatus) { st.PID++ })
		default:
			n := rng.IntN(3)
			held := plainTool(fmt.Sprint("h", rng.IntN(2)))
			held.Held = rng.IntN(2) == 0
			connectOffer(v, name, stateview.Offer{
				Prompts: items("name", fmt.Sprint("p", n)), Resources: items("uri", fmt.Sprint("u://", rng.IntN(3)), "u://shared"), Templates: items("uriTemplate", "t://{x}"),
			}, plainTool(fmt.Sprint("t", n)), held)
			setState(v, name, states[rng.IntN(len(states))])
		}
	}
	c := newCatalog(v.Snapshot(), nil, grace)
	for i := range 3000 {
		for range 1 + rng.IntN(3) {
			change()
		}
		old, anew := c, newCatalog(v.Snapshot(), nil, grace)
		c = newCatalog(v.Snapshot(), c, grace)
		if len(c.offers) != len(anew.offers) {
			t.Fatalf("step %d: %d offers, want %d", i, len(c.offers), len(anew.offers))
		}
		for k := range numKinds {
			got, want, was := string(c.lists[k].text()), string(anew.lists[k].text()), string(old.lists[k].text())
			if got != want {
				t.Fatalf("step %d: %s = %s, want %s", i, kinds[k].list, got, want)
			}
			if same := c.lists[k].version == old.lists[k].version; same != (got == was) {
				t.Fatalf("step %d: %s has version %d after %d, and was %s, is %s", i, kinds[k].list, c.lists[k].version, old.lists[k].version, was, got)
			}
			for j, o := range c.offers {
				if got, want := string(o.lists[k].text()), string(anew.offers[j].lists[k].text()); got != want {
					t.Fatalf("step %d: %s of %s = %s, want %s", i, kinds[k].list, o.server, got, want)
				}
			}
		}
	}
}
