// The last script of the page: everything is there
"use strict";
EDGE.start();
