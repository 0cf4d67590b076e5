#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Each slot of master/base/alarm.h is set by somebody, and cleared by the same
# file: an alarm that only one of the two happens to is of no use, or for ever.
use strict;
use warnings;

use lib 't/lint';
use Test::More;
use Tree;

my @slots = slurp('master/base/alarm.h') =~ /^\tA\((\w+), /mg;
my %code = map { $_ => code($_) =~ s/\s+/ /gr } files(qr{^master/.*\.c$});

# Both are done to a slot that it is handed: by a parameter, or from a table.
sub does_any
{
	my ($text) = @_;

	return $text =~ /fby_alarm_set\([^,]+, (?!FBY_ALARM_)/ &&
	    $text =~ /fby_alarm_clear\([^,]+, (?!FBY_ALARM_)/;
}

my @takers = grep { $_ ne 'master/base/alarm.c' && does_any($code{$_}) }
    sort keys %code;

# What is wrong with it, or nothing.
sub wrong
{
	my ($slot, %in) = @_;
	my (@set, @cleared, $handed);

	for my $file (sort keys %in) {
		my $text = $in{$file};

		push @set, $file
		    if $text =~ /fby_alarm_set\([^,]+, FBY_ALARM_$slot\b/;
		push @cleared, $file
		    if $text =~ /fby_alarm_clear\([^,]+, FBY_ALARM_$slot\b/;
		$text =~ s/fby_alarm_(?:set|clear|text)\([^,]+, FBY_ALARM_\w+//g;
		$handed = 1 if $text =~ /\bFBY_ALARM_$slot\b/ && @takers;
	}
	return if $handed && !@set && !@cleared;
	return 'is never set' unless @set || $handed;
	return 'is never cleared' unless @cleared || $handed;
	return 'is set by one file and cleared by another'
	    if "@set" ne "@cleared";
	return;
}

cmp_ok(scalar @slots, '>', 20, 'there are slots');
is(join(' ', map { "$_ " . (wrong($_, %code) // '') }
    grep { wrong($_, %code) } @slots), '', 'each is set and cleared');
is(wrong('X', a => 'fby_alarm_clear(a, FBY_ALARM_X);'), 'is never set',
    'one that is not set is found');
is(wrong('X', a => 'fby_alarm_set(a, FBY_ALARM_X, t);'), 'is never cleared',
    'one that stays is found');
is(wrong('X', a => 'if (fby_alarm_text(a, FBY_ALARM_X))'), 'is never set',
    'asking is not setting');

done_testing();
