# SPDX-License-Identifier: Apache-2.0
#
# For how long does nothing move?
#
#	my $watch = Test::Forebay::Standstill->new($f, $g);
#	... the fault, and until records flow again ...
#	$watch->note('worker killed');
#
# A process of its own reads the acked offsets of all hosts' ledgers every
# 20 ms, straight from the files (shared/README has the byte map), so the
# daemons are not asked and not disturbed.  An offset that grows is a move;
# one that a new owner starts at is none.  Two figures come out: the longest
# time in which no partition moved at all, and the longest in which one of
# them did not.  Both only mean something while records flow.
package Test::Forebay::Standstill;

use strict;
use warnings;

use parent 'Test::Forebay::Watch';

use Test::More ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);

my $EVERY = 0.02;

sub new
{
	my ($class, @hosts) = @_;

	return $class->start(map { "$_->{run}/ledger" } @hosts);
}

# topic_off is the name's place in the file, which differs between hosts; so
# the name itself goes into the key.
sub rows
{
	my ($file) = @_;
	my %acked;

	open(my $fh, '<:raw', $file) or return \%acked;
	sysread($fh, my $head, 64) == 64 or return \%acked;
	my ($nrows, $rows_off, $names_off, $names_used) =
	    (unpack('V9', substr($head, 16, 36)))[1, 3, 4, 8];

	sysseek($fh, $names_off, 0);
	sysread($fh, my $names, $names_used) or return \%acked;
	for my $n (0 .. $nrows - 1) {
		sysseek($fh, $rows_off + $n * 256, 0);
		(sysread($fh, my $row, 80) // 0) == 80 or last;
		my ($topic_off, $partition) = unpack('V l<',
		    substr($row, 16, 8));

		last unless $topic_off;
		# Made since the head was read; the next look finds it.
		next if $topic_off >= length $names;
		my ($topic) = substr($names, $topic_off) =~ /^([^\0]*)/;

		$acked{"$topic/$partition"} =
		    unpack('q<', substr($row, 64, 8));
	}
	return \%acked;
}

sub look
{
	my ($class, $stop, @files) = @_;
	my $begin = clock_gettime(CLOCK_MONOTONIC);
	my (%last, %moved, $any);
	my ($worst, $worst_of_one) = (0, 0);
	my $is_over = 0;

	$any = $begin;
	while (1) {
		my $now = clock_gettime(CLOCK_MONOTONIC);

		for my $file (@files) {
			my $rows = rows($file);

			for my $key (keys %$rows) {
				my $was = $last{$file}{$key} // -1;

				$moved{$key} //= $begin;
				$last{$file}{$key} = $rows->{$key};
				next if $was < 0 || $rows->{$key} <= $was;
				my $gap = $now - $moved{$key};

				$worst_of_one = $gap if $gap > $worst_of_one;
				$worst = $now - $any if $now - $any > $worst;
				$moved{$key} = $any = $now;
			}
		}
		last if $is_over;
		$is_over = Test::Forebay::Watch::over($stop, $EVERY);
	}
	# What stands still at the end does so all the same.
	my $now = clock_gettime(CLOCK_MONOTONIC);

	for my $gap (map { $now - $_ } values %moved) {
		$worst_of_one = $gap if $gap > $worst_of_one;
	}
	$worst = $now - $any if $now - $any > $worst;
	return "$worst $worst_of_one";
}

# The line that the table of guarantees is made of.
sub note
{
	my ($self, $fault) = @_;
	my ($all, $one) = split / /, $self->stop;

	Test::More::note(sprintf('stand-still: %s: %.2f', $fault, $all));
	Test::More::note(sprintf('stand-still of one partition: %s: %.2f',
	    $fault, $one));
	return $all;
}

1;
