package supervisor

import (
	"testing"
	"testing/synctest"
	"time"

	"mcpproxy-tray/internal/stateview"
)

func TestOfferIsPublishedWithTheTools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, Settings{})
		defer r.stop()
		first := stateview.Offer{Info: `{"name":"a"}`, Prompts: stateview.NewItemList([]stateview.Item{{Key: "p", Definition: "{}"}})}
		r.fake.set("a", fakeServer{list: time.Second, tools: tools("x"), offer: first})
		r.apply(false, stdio("a"))
		if st := r.want("a", stateview.Connecting); !st.Offer().Equal(stateview.Offer{}) {
			t.Errorf("offer %+v before it was listed", st.Offer())
		}
		time.Sleep(2 * time.Second)
		if st := r.want("a", stateview.Connected); !st.Offer().Equal(first) || st.Tools.Len() != 1 {
			t.Errorf("offer %+v, want %+v", st.Offer(), first)
		}
		seq := r.StateView().Snapshot().Seq()
		r.fake.session("a").change()
		time.Sleep(time.Minute)
		synctest.Wait()
		if now := r.StateView().Snapshot().Seq(); now != seq {
			t.Errorf("snapshot %d after %d, though nothing changed", now, seq)
		}
		second := first
		second.Prompts = stateview.ItemList{}
		r.fake.set("a", fakeServer{tools: tools("x"), offer: second})
		r.fake.session("a").change()
		time.Sleep(time.Minute)
		if st := r.want("a", stateview.Connected); !st.Offer().Equal(second) {
			t.Errorf("offer %+v, want %+v", st.Offer(), second)
		}
		r.fake.set("a", fakeServer{err: errKilled})
		r.fake.session("a").kill(errKilled)
		if st := r.want("a", stateview.Backoff); !st.Offer().Equal(stateview.Offer{}) {
			t.Errorf("offer %+v without a session", st.Offer())
		}
	})
}
