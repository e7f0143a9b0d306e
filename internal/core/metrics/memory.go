package metrics

import "runtime/metrics"

// memory writes what the runtime knows of itself. Reading it stops nothing.
func memory(t *text) {
	s := []metrics.Sample{
		{Name: "/sched/goroutines:goroutines"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(s)
	n := make([]uint64, len(s))
	for i := range s {
		if s[i].Value.Kind() == metrics.KindUint64 { // a later Go may know it no more
			n[i] = s[i].Value.Uint64()
		}
	}
	t.family("goroutines", gauge, "Goroutines of the program.")
	t.count(n[0])
	t.family("memory_bytes", gauge, "Memory that the Go runtime holds, without what it gave back, by use.")
	t.count(n[1], "use", "heap")
	t.count(n[2], "use", "stacks")
	t.count(n[3]+n[4], "use", "spare")
	t.count(n[6]-min(n[6], n[1]+n[2]+n[3]+n[4]+n[5]), "use", "other")
	t.family("allocated_bytes_total", counts, "Memory that was allocated since the start, also what is garbage since.")
	t.count(n[7])
	t.family("gc_cycles_total", counts, "Garbage collections since the start.")
	t.count(n[8])
}
