//go:build killloop && !race

package guard

const raceEnabled = false
