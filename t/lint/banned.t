#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Functions that are not used, and why; and tests that do not sleep.
use strict;
use warnings;

use lib 't/lint';
use Test::More;
use Tree;

my $unbounded = 'knows no size: fby_str_*(), snprintf()';
my $state = 'keeps state that libraries and threads share';
my $no_error = 'cannot say that the number is bad: strtoll()';

my %banned = (
	(map { $_ => $unbounded } qw(strcpy strcat sprintf vsprintf gets
	    stpcpy strncpy strncat alloca)),
	(map { $_ => $state } qw(strtok gmtime localtime ctime asctime rand
	    srand random inet_ntoa readdir_r)),
	(map { $_ => $no_error } qw(atoi atol atoll atof)),
	system => 'runs a shell',
	popen => 'runs a shell',
	mktemp => 'is a race: mkstemp()',
	tmpnam => 'is a race: mkstemp()',
	vfork => 'shares memory: fork() and execveat()',
);
my $names = join '|', sort keys %banned;

for my $path (files(qr{^(?:shared|master|worker|t)/.*\.[ch]$})) {
	my @wrong;
	my $n = 0;
	for my $line (split /\n/, code($path)) {
		$n++;
		next if $line =~ /^\s*#\s*pragma\s+GCC\s+poison/;
		next unless $line =~ /(?<![\w.>])($names)\s*\(/;
		push @wrong, "$path:$n: $1() $banned{$1}";
	}
	is(join("\n", @wrong), '', "$path uses no banned function");
}

# Long waits are for conditions, with a deadline: the library has them.
for my $path (files(qr{^t/[^/]*\.t$|^t/(?:slow|conf)/.*\.t$})) {
	my @wrong = grep { !/^\s*#/ && /(?<![\w:>-])sleep\b\s*\(?\s*\d/ }
	    split /\n/, slurp($path);
	is(join("\n", @wrong), '', "$path does not sleep for a fixed time");
}

done_testing();
