package notify

import (
	"slices"
	"testing"
)

func TestEachKindOffersItsActions(t *testing.T) {
	want := [numKinds][]Action{
		kindDown: {Click, Restart, Mute}, kindUnstable: {Click, Restart, Mute}, kindCrash: {Click, Restart, Mute},
		kindApprove: {Click, Review}, kindSignIn: {Click, Review}, kindNetwork: {Click}, kindReview: {Click, Review},
	}
	for k := range numKinds {
		n := groupNote(k, []string{"a\nb"}, DefaultSettings())
		if n.Server != "a\nb" || !slices.Equal(n.Actions, want[k]) { // the name as configured: a command is about it
			t.Errorf("kind %d, one server: %q, %v", k, n.Server, n.Actions)
		}
		group := []Action{Click}
		if slices.Contains(want[k], Review) {
			group = append(group, Review)
		}
		n = groupNote(k, []string{"a", "b"}, DefaultSettings())
		if n.Server != "" || !slices.Equal(n.Actions, group) {
			t.Errorf("kind %d, two servers: %q, %v", k, n.Server, n.Actions)
		}
		if n.Category == "" {
			t.Errorf("kind %d has no category", k)
		}
	}
	var mixed [numKinds][]string
	mixed[kindDown], mixed[kindApprove] = []string{"a"}, []string{"b"}
	for name, n := range map[string]Note{
		"back": recoveredNote("t", []string{"a"}, nil), "some back": recoveredNote("t", []string{"a"}, []string{"b"}),
		"summary": summaryNote("t", mixed, DefaultSettings()), "network": unstableNetworkNote(DefaultSettings()),
	} {
		if n.Category == "" || len(n.Actions) == 0 || n.Actions[0] != Click || slices.Contains(n.Actions, Restart) || n.Transient != (name == "back") {
			t.Errorf("%s: %+v", name, n)
		}
	}
	for a := Click; a < numActions; a++ {
		if keys[a] == "" || labels[a] == "" || slices.Index(keys[:], keys[a]) != int(a) {
			t.Errorf("action %d: key %q, label %q", a, keys[a], labels[a])
		}
	}
}
