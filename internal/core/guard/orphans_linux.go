package guard

// Orphans returns the processes that carry the mark of a data directory although
// the run that started them has ended. It ends none; Claim does, at the next start.
func Orphans(dataDir string) []int {
	data, living := dataID(dataDir), livingRuns()
	h := hunt{ours: func(m mark) bool { return m.data() == data && !living[m.run()] }}
	return pids(h.find())
}
