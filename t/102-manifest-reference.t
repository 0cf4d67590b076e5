#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The reference and the man page say what the directive tables say.
#
#	perl -It/lib t/102-manifest-reference.t --write
use strict;
use warnings;

use Test::More;

use Test::Forebay::Util;

my $reference = helper('reference');
my $md = 'conf/REFERENCE.md';
my $page = 'conf/man/forebay.yaml.5';
my $begin = ".\\\" begin: made from the directive tables\n";
my $end = ".\\\" end\n";

chdir source_dir() or die;
my %said = map { $_ => scalar qx('$reference' $_) } qw(md man);
my $text = slurp($page);
my ($head, $list, $tail) = $text =~ /\A(.*\Q$begin\E)(.*)(\Q$end\E.*)\z/s;

if (@ARGV && $ARGV[0] eq '--write') {
	spew($md, $said{md});
	spew($page, "$head$said{man}$tail");
	exit 0;
}

is(slurp($md), $said{md}, "$md is up to date");
ok(defined $list, "$page has a place for the list");
is($list, $said{man}, "$page is up to date");

# Every row has its sentence.
for my $row (grep { /^\| `/ } split /\n/, $said{md}) {
	my ($name, $help) = $row =~ /^\| `([^`]+)` .*\| (.*) \|$/;
	ok(length($help // ''), "$name is explained");
}

# Man pages are read without a complaint, where there is a reader.
SKIP: {
	skip 'groff is not installed', 2
	    if system('command -v groff >/dev/null 2>&1') != 0;
	for my $man ('conf/man/forebay.8', $page) {
		my $wrong = qx(groff -man -Tutf8 -ww -z '$man' 2>&1);
		is($wrong, '', "$man is a man page");
	}
}

done_testing();
