#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each file is named in the README of its program (those of compare/ in
# compare.h), and what a comment names is there: file.c and file.h in the tree,
# name() in its code, or either in what the tree includes.  (NAME.c stands for
# any.)
use strict;
use warnings;

use lib 't/lint';
use Test::More;
use Tree;

# Functions of librdkafka that no header has: call.h tells what goes wrong
# in them.
my %is_name = map { $_ => 1 } qw(rd_kafka_admin_coord_request
    rd_kafka_coord_req_fail);

my @sources = files(qr{^(?:shared|master|worker|t/\w+)/.*\.[ch]$});
my %is_file = map { s{.*/}{}r => 1 } @sources;
my %headers;

for my $path (@sources) {
	my ($text, $code) = (slurp($path), code($path));

	$is_name{$1} = 1 while $code =~ /\b([A-Za-z_]\w*)\)?\s*\(/g;
	$headers{$1} = 1 while $text =~ /^\s*#\s*include\s+<([^>]+)>/mg;
}

# Those of the libraries, and those that they include: the compiler finds
# them, and what it cannot find is left out.
my $includes = join '',
    map { "#if __has_include(<$_>)\n#include <$_>\n#endif\n" }
    sort keys %headers;
open(my $out, '-|', 'sh', '-c', 'printf %s "$1" | ${CC:-cc} -D_GNU_SOURCE ' .
    '-Ibuild/deps/include -E -dD -x c - 2>/dev/null', 'sh', $includes)
    or BAIL_OUT("cc: $!");
while (<$out>) {
	$is_file{$1 =~ s{.*/}{}r} = 1 if /^# \d+ "([^"]+)"/;
	$is_name{$1} = 1 while /\b([A-Za-z_]\w*)\)?\s*\(/g;
}
close($out);
ok($is_name{rd_kafka_new} && $is_file{'rdkafka.h'}, 'headers were read');

for my $path (@sources) {
	my $text = slurp($path);
	my @wrong;

	while ($text =~ m{(/\*.*?\*/)}gs) {
		my ($comment, $line) = ($1,
		    1 + (substr($text, 0, $-[0]) =~ tr/\n//));

		for (split /\n/, $comment) {
			push @wrong, "$path:$line: there is no $_"
			    for grep { !$is_file{s{.*/}{}r} && !/[A-Z]/ }
			    m{([\w./-]*\w\.[ch])\b}g;
			push @wrong, "$path:$line: there is no $_()"
			    for grep { !$is_name{$_} }
			    m{(?<![\w>.])([A-Za-z_]\w+)\(\)}g;
			$line++;
		}
	}
	is(join("\n", @wrong), '', "$path names what is there");
}

# Who looks for a file finds it in the README of its program: by its name, or
# as the _part of X in what is said of X, or as one of X_*.
for my $program (qw(master worker)) {
	my $text = slurp("$program/README");
	my @missing;

	for my $path (grep { m{^$program/} } @sources) {
		my $name = $path =~ s{.*/}{}r =~ s/\.[ch]$//r;
		my ($part) = $name =~ /(_\w+)$/;

		next if $path =~ m{^master/compare/} || $name =~ /_own$/;
		push @missing, $path
		    if $text !~ /\b$name\b/ && (!$part ||
		    $text !~ /(?<!\w)$part\b/ &&
		    $text !~ /\b\Q@{[$name =~ s{_.*}{}r]}\E_\*/);
	}
	is("@missing", '', "$program/README names its files");
}

done_testing();
