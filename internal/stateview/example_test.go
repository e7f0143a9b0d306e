package stateview_test

import (
	"context"
	"fmt"

	"mcpproxy-tray/internal/stateview"
)

func Example() {
	view := stateview.New()
	view.Update(func(b *stateview.Batch) { // both servers appear in one snapshot
		for _, name := range []string{"github", "files"} {
			b.UpdateServer(name, func(st *stateview.ServerStatus) { st.State = stateview.Connecting })
		}
	})

	last := view.Snapshot()
	view.UpdateServer("github", func(st *stateview.ServerStatus) { st.State = stateview.Connected })

	for now := range view.Watch(context.Background()) {
		fmt.Println(now.CountConnected(), "of", now.Count(), "connected")
		for _, c := range stateview.Diff(last, now) {
			fmt.Println(c.Name, "was", c.Before.State, "and is", c.After.State)
		}
		break // a program goes on until its context is done
	}
	// Output:
	// 1 of 2 connected
	// github was connecting and is connected
}

func ExampleRef() {
	view := stateview.New()
	ref := view.Ref("github")
	fmt.Println(ref.Version(view.Snapshot()) > 0)
	view.UpdateServer("github", func(st *stateview.ServerStatus) { st.State = stateview.Connected })
	fmt.Println(ref.State(view.Snapshot()))
	// Output:
	// false
	// connected
}
