package demo

import _ "time/tzdata" // Windows has no time zone database that Go can read
