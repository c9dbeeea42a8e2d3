// Stands in for uPlot where that was not there when the server was built.
